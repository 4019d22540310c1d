import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeblock.scoring.gce import gce

nlls = st.lists(st.floats(0, 50), min_size=1, max_size=20)


def naive(nll: float, q: float) -> float:
    return (1 - math.exp(-nll) ** q) / q


@given(nlls, st.floats(1e-3, 1))
def test_equals_the_formula(values: list[float], q: float) -> None:
    np.testing.assert_allclose(gce(np.array(values), q), [naive(v, q) for v in values], rtol=1e-9, atol=1e-12)


@given(nlls)
def test_tends_to_the_nll_as_q_vanishes(values: list[float]) -> None:
    np.testing.assert_allclose(gce(np.array(values), 1e-12), values, rtol=1e-9, atol=1e-300)


@given(nlls)
def test_is_one_minus_p_at_q_one(values: list[float]) -> None:
    np.testing.assert_allclose(gce(np.array(values), 1), -np.expm1(-np.array(values)), rtol=1e-12)


@given(nlls, st.floats(1e-3, 1))
def test_lies_between_zero_and_its_bound_in_the_order_of_the_nll(values: list[float], q: float) -> None:
    scores = gce(np.array(sorted(values)), q)
    assert scores.min() >= 0
    assert scores.max() <= 1 / q * (1 + 1e-12)
    assert (np.diff(scores) >= 0).all()


@given(st.lists(nlls, min_size=2, max_size=6))
def test_means_rank_like_cross_entropy_as_q_vanishes(items: list[list[float]]) -> None:
    by_gce = [gce(np.array(i), 1e-12).mean() for i in items]
    by_nll = [np.mean(i) for i in items]
    for n, one in enumerate(by_nll):
        for m, other in enumerate(by_nll):
            if one > other + 1e-6:
                assert by_gce[n] > by_gce[m]


def test_means_rank_otherwise_at_the_default() -> None:
    one_surprise, several = np.array([12.0, 0.0, 0.0]), np.array([2.0, 2.0, 2.0])
    assert one_surprise.mean() > several.mean()
    assert gce(one_surprise, 0.7).mean() < gce(several, 0.7).mean()


def test_keeps_shape_and_precision() -> None:
    for dtype in (np.float32, np.float64):
        scores = gce(np.array([[0, 1e-8], [1, np.inf]], dtype), 0.7)
        assert scores.dtype == dtype
        np.testing.assert_allclose(scores, [[0, 1e-8], [0.71916385, 1 / 0.7]], rtol=1e-6)


def test_zero_is_the_limit() -> None:
    nll = np.array([0, 0.5, 3, 40])
    assert gce(nll, 0).tolist() == nll.tolist()
    np.testing.assert_allclose(gce(nll, 1e-9), nll, rtol=1e-6)


@pytest.mark.parametrize("q", [-1, 1.1, math.nan])
def test_refuses_other_exponents(q: float) -> None:
    with pytest.raises(ValueError, match=rf"q is {q}, outside \[0, 1\]"):
        gce(np.zeros(1), q)

import itertools
import math

import pytest

from codeblock.evaluate.pass_at_k import bootstrap, compare, mcnemar, pass_at_k, wilson


@pytest.mark.parametrize(("samples", "passed"), [(n, c) for n in range(1, 8) for c in range(n + 1)])
def test_pass_at_k_is_the_share_of_draws_with_a_pass(samples: int, passed: int) -> None:
    for k in range(1, samples + 1):
        draws = list(itertools.combinations([True] * passed + [False] * (samples - passed), k))
        assert pass_at_k(samples, passed, k) == pytest.approx(sum(map(any, draws)) / len(draws))


def test_pass_at_k_refuses_what_cannot_be() -> None:
    for values in ((3, 4, 1), (3, -1, 1), (3, 1, 4), (3, 1, 0)):
        with pytest.raises(ValueError, match="drawn"):
            pass_at_k(*values)


@pytest.mark.parametrize(
    ("passed", "total", "low", "high"),
    [(101, 164, 0.5395, 0.6868), (0, 164, 0.0, 0.0229), (164, 164, 0.9771, 1.0), (1, 2, 0.0945, 0.9055)],
)
def test_wilson(passed: int, total: int, low: float, high: float) -> None:
    """The interval holds the proportions whose score test does not reject: its ends solve that equation."""
    found = wilson(passed, total)
    assert found == pytest.approx((low, high), abs=1e-4)
    for end in found:
        if 0 < end < 1:
            assert abs(passed / total - end) / math.sqrt(end * (1 - end) / total) == pytest.approx(1.96, abs=1e-3)


def test_bootstrap_agrees_with_the_normal_interval_of_a_mean() -> None:
    values = [0.0, 1.0] * 200
    low, high = bootstrap(values)
    assert (low, high) == pytest.approx((0.5 - 1.96 * 0.025, 0.5 + 1.96 * 0.025), abs=0.005)
    assert bootstrap(values) == (low, high)
    assert bootstrap([0.3] * 10) == pytest.approx((0.3, 0.3))


@pytest.mark.parametrize(("first", "second", "p"), [(0, 0, 1.0), (5, 5, 1.0), (0, 6, 2 / 64), (6, 0, 2 / 64), (1, 9, 22 / 1024)])
def test_mcnemar_is_the_two_sided_binomial_test(first: int, second: int, p: float) -> None:
    assert mcnemar(first, second) == pytest.approx(p)


def test_runs_are_compared_on_the_tasks_of_both() -> None:
    first = {"a": 1.0, "b": 0.0, "c": 1.0, "only first": 1.0}
    paired = compare(first, {"a": 0.0, "b": 0.0, "c": 1.0}, single=True)
    assert (paired.tasks, paired.only_first, paired.only_second, paired.p) == (3, 1, 0, 1.0)
    assert paired.difference == pytest.approx(1 / 3)
    assert compare({"a": 0.75}, {"a": 0.25}, single=False).p is None

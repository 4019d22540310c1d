import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeblock.curate.mix import parse_weights, quotas, take
from codeblock.errors import UsageError


def test_weights() -> None:
    assert parse_weights("a.jsonl=2, b=0.5", ["a.jsonl", "b", "c"]) == {"a.jsonl": 2.0, "b": 0.5, "c": 0.0}
    with pytest.raises(UsageError, match=r"--weights names 'a.json'; did you mean 'a.jsonl'\? \(sources: a.jsonl, b\)"):
        parse_weights("a.json=1", ["a.jsonl", "b"])
    for wrong in ("a=x", "a=-1", "a=inf", "a=nan", "a="):
        with pytest.raises(UsageError, match="the weight of a is"):
            parse_weights(wrong, ["a"])
    with pytest.raises(UsageError, match="all weights are 0"):
        parse_weights("a=0", ["a"])


def test_what_a_source_cannot_give_the_others_do() -> None:
    assert quotas(100, {"a": 1, "b": 1}, {"a": 10, "b": 1000}) == {"a": 10, "b": 90}
    assert quotas(100, {"a": 3, "b": 1, "c": 0}, {"a": 1000, "b": 1000, "c": 1000}) == {"a": 75, "b": 25, "c": 0}
    assert quotas(100, {"a": 1, "b": 1, "c": 0}, {"a": 5, "b": 6, "c": 1000}) == {"a": 5, "b": 6, "c": 0}
    assert quotas(10, {"a": 1, "b": 1, "c": 1}, {"a": 9, "b": 9, "c": 9}) == {"a": 4, "b": 3, "c": 3}


@given(st.integers(0, 200), st.lists(st.tuples(st.floats(0, 10), st.integers(0, 100)), min_size=1, max_size=6))
def test_quotas_never_exceed_what_is_there_and_add_up(total: int, sources: list[tuple[float, int]]) -> None:
    weights = {str(n): weight for n, (weight, _) in enumerate(sources)}
    available = {str(n): count for n, (_, count) in enumerate(sources)}
    given_out = quotas(total, weights, available)
    usable = sum(count for weight, count in sources if weight > 0)
    assert sum(given_out.values()) == min(total, usable)
    assert all(0 <= given_out[name] <= available[name] for name in weights)


def test_each_source_gives_its_first() -> None:
    order = np.array([4, 2, 0, 1, 3])
    sources = ["a", "b", "a", "b", "a"]
    assert np.flatnonzero(take(order, 3, sources, None)).tolist() == [0, 2, 4]
    assert np.flatnonzero(take(order, 3, sources, {"a": 1, "b": 2})).tolist() == [1, 3, 4]

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeblock.select import ranking
from codeblock.select.budget import Steps, steps
from codeblock.select.proposal import Candidates
from codeblock.select.ranking import EVERYTHING, Cut, Ranking
from codeblock.store import scratch_file
from tests.select.units import candidates, make


def naive_counts(pool: list[Steps], budget: int) -> list[int]:
    """How many steps of each sample come before the first one, in the order of all, that does not fit."""
    every = [(-s.priority[place], n, place, int(s.cost[place])) for n, s in enumerate(pool) for place in range(len(s.unit))]
    counts, spent = [0] * len(pool), 0
    for _, n, _, cost in sorted(every):
        spent += cost
        if spent > budget:
            break
        counts[n] += 1
    return counts


def cut(pool: list[Steps], budget: int, numbers: list[int], directory: Path) -> Cut:
    with scratch_file(directory) as file:
        made = Ranking(file)
        for n, one in zip(numbers, pool, strict=True):
            made.add(n, one)
        return made.cut(budget)


@given(st.lists(candidates(), max_size=6), st.integers(0, 80), st.integers(1, 3))
def test_the_cut_is_where_a_sorted_list_says(
    tmp_path_factory: pytest.TempPathFactory, pool: list[Candidates], budget: int, stride: int
) -> None:
    made = [steps(units) for units in pool]
    numbers = [stride * n for n in range(len(made))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "_CHUNK", 3)
        found = cut(made, budget, numbers, tmp_path_factory.getbasetemp())
    assert [found.before(s, n) for n, s in zip(numbers, made, strict=True)] == naive_counts(made, budget)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50), st.integers(0, 49))
def test_any_priorities_are_ordered_as_numbers_are(
    tmp_path_factory: pytest.TempPathFactory, priorities: list[float], budget: int
) -> None:
    made = [steps(make(priorities, [1] * len(priorities)))]
    found = cut(made, budget, [0], tmp_path_factory.getbasetemp())
    assert [found.before(made[0], 0)] == naive_counts(made, budget)


def test_everything_fits(tmp_path: Path) -> None:
    made = [steps(make([1.0, 2.0], [4, 5])), steps(make([], []))]
    assert cut(made, 9, [0, 1], tmp_path) is EVERYTHING
    assert [EVERYTHING.before(s, n) for n, s in enumerate(made)] == [2, 0]
    assert cut([], 0, [], tmp_path) is EVERYTHING


def test_a_tie_among_more_steps_than_fit_into_memory_goes_to_the_earlier_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "_CHUNK", 4)
    made = [steps(make([0.5] * 3, [2] * 3)) for _ in range(5)]
    assert cut(made, 15, list(range(5)), tmp_path) == Cut(0.5, 2, 1)


def test_nothing_is_left_on_disk(tmp_path: Path) -> None:
    with scratch_file(tmp_path) as file:
        Ranking(file).add(0, steps(make([1.0], [1])))
        assert list(tmp_path.iterdir()) == []
    assert list(tmp_path.iterdir()) == []

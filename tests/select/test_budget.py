import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from codeblock.config import SelectSettings
from codeblock.select.budget import Units, UnitTable, budgets, choose, most, shares
from codeblock.select.proposal import ALWAYS, NEVER, Candidates


@st.composite
def units(draw: st.DrawFn) -> Units:
    """Units of a few samples; a unit may require an earlier one of its own sample, as an item does its header."""
    sizes = draw(st.lists(st.integers(0, 6), min_size=1, max_size=5))
    priority, cost, requires, sample = [], [], [], []
    for n, size in enumerate(sizes):
        first = len(cost)
        for i in range(size):
            priority.append(draw(st.sampled_from([NEVER, 0.5, 1.0, 1.0, 2.0, 3.5])))
            cost.append(draw(st.integers(0, 7)))
            requires.append(draw(st.integers(first, first + i - 1)) if i and draw(st.booleans()) else -1)
            sample.append(n)
    return Units(
        np.array(priority, dtype=np.float64), np.array(cost, dtype=np.int32), np.array(requires, dtype=np.int32),
        np.array(sample, dtype=np.int32),
    )  # fmt: skip


def naive_choose(units: Units, pool: np.ndarray, budget: np.ndarray) -> set[int]:
    """Greedy selection as METHOD H says it: sets, and the whole cost counted anew for every candidate."""

    def closure(unit: int) -> set[int]:
        return {unit} | (closure(int(units.requires[unit])) if units.requires[unit] >= 0 else set())

    def spent(chosen: set[int], group: int) -> int:
        return sum(int(units.cost[u]) for u in chosen if pool[u] == group)

    chosen: set[int] = set()
    for unit in sorted(range(len(units.cost)), key=lambda u: (-units.priority[u], u)):
        with_it = chosen | closure(unit)
        if units.priority[unit] > NEVER and budget[pool[unit]] > spent(chosen, pool[unit]) and (
            spent(with_it, pool[unit]) <= budget[pool[unit]]
        ):  # fmt: skip
            chosen = with_it
    return chosen


@given(units(), st.integers(0, 40), st.booleans())
def test_greedy_equals_the_naive_oracle_and_never_exceeds_its_budget(units: Units, limit: int, per_sample: bool) -> None:
    pool = units.sample if per_sample else np.zeros_like(units.sample)
    budget = np.full(int(units.sample.max(initial=0)) + 1, limit)
    taken, own = choose(units, pool, budget)
    assert set(np.flatnonzero(taken)) == naive_choose(units, pool, budget)
    assert not (own & ~taken).any()
    assert (np.bincount(pool[taken], weights=units.cost[taken], minlength=len(budget)) <= budget).all()
    needed = units.requires[taken]
    assert taken[needed[needed >= 0]].all(), "what a chosen unit requires is chosen"


@given(units(), units(), st.floats(0, 1), st.integers(0, 60), st.integers(0, 10))
def test_a_larger_budget_never_supervises_fewer_tokens(code: Units, prose: Units, fraction: float, low: int, more: int) -> None:
    def supervised(budget: int) -> int:
        total = 0
        pools = [np.zeros_like(u.sample) for u in (code, prose)]
        limits = shares(np.array([budget]), *(most(u, p, 1) for u, p in zip((code, prose), pools, strict=True)), fraction)
        for u, pool, limit in zip((code, prose), pools, limits, strict=True):
            taken, _ = choose(u, pool, limit)
            total += int(u.cost[taken].sum())
        assert total <= budget
        return total

    assert supervised(low) <= supervised(low + more)


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100), st.floats(0, 1))
def test_shares_are_within_the_budget_and_leave_nothing_unused(budget: int, code: int, prose: int, fraction: float) -> None:
    for_code, for_prose = (int(x[0]) for x in shares(np.array([budget]), np.array([code]), np.array([prose]), fraction))
    assert 0 <= for_code <= code
    assert 0 <= for_prose <= prose
    assert for_code + for_prose <= budget
    if fraction > 0:
        assert for_code + for_prose == min(budget, code + prose)
    else:
        assert (for_code, for_prose) == (min(budget, code), 0)


@given(units())
def test_most_is_what_an_unlimited_budget_chooses(units: Units) -> None:
    pool = np.zeros_like(units.sample)
    taken, _ = choose(units, pool, np.array([10_000]))
    assert most(units, pool, 1)[0] == units.cost[taken].sum()


def test_a_unit_that_does_not_fit_is_skipped_not_cut() -> None:
    units = Units(np.array([3.0, 2.0, 1.0]), np.array([5, 9, 4], np.int32), np.full(3, -1, np.int32), np.zeros(3, np.int32))
    taken, _ = choose(units, units.sample, np.array([10]))
    assert taken.tolist() == [True, False, True]


def test_always_ignores_the_budget() -> None:
    units = Units(np.array([ALWAYS, 1.0]), np.array([50, 1], np.int32), np.full(2, -1, np.int32), np.zeros(2, np.int32))
    taken, _ = choose(units, units.sample, np.array([10]))
    assert taken.tolist() == [True, False]


def test_budgets_are_fractions_up_to_one_and_counts_above() -> None:
    tokens = np.array([10, 25])
    assert budgets(tokens, SelectSettings(budget=0.3)).tolist() == [10]
    assert budgets(tokens, SelectSettings(budget=0.3, scope="sample")).tolist() == [3, 7]
    assert budgets(tokens, SelectSettings(budget=1.0)).tolist() == [35]
    assert budgets(tokens, SelectSettings(budget=12, scope="sample")).tolist() == [10, 12]


def test_the_table_lays_samples_one_after_the_other() -> None:
    table = UnitTable()
    table.add(Candidates(np.array([0, 0, 1, -1], np.int32), np.array([1.0, 2.0]), np.array([-1, 0], np.int32)))
    table.add(Candidates(np.array([-1], np.int32), np.zeros(0), np.zeros(0, np.int32)))
    table.add(Candidates(np.array([1, 1], np.int32), np.array([3.0, 4.0]), np.array([1, -1], np.int32)))
    units, at = table.finish()
    assert at.tolist() == [0, 2, 2, 4]
    assert units.cost.tolist() == [2, 1, 0, 2]
    assert units.requires.tolist() == [-1, 0, 3, -1]
    assert units.sample.tolist() == [0, 0, 2, 2]

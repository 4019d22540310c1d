import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from codeblock.config import SelectSettings
from codeblock.select.budget import allowance, choose, shares, steps
from codeblock.select.proposal import ALWAYS, NEVER, Candidates
from tests.select.units import candidates, closure, costs, make, naive_order


def naive_choose(units: Candidates, budget: int) -> set[int]:
    """Greedy selection as METHOD H says it: sets, and the whole cost counted anew for every candidate."""
    cost = costs(units)
    chosen: set[int] = set()
    for unit in naive_order(units):
        with_it = chosen | closure(units, unit)
        if sum(cost[u] for u in with_it) <= budget:
            chosen = with_it
    return chosen


@given(candidates(), st.integers(0, 40))
def test_greedy_equals_the_naive_oracle_and_never_exceeds_its_budget(units: Candidates, budget: int) -> None:
    taken, own = choose(units, steps(units), budget)
    assert set(np.flatnonzero(taken).tolist()) == naive_choose(units, budget)
    assert not (own & ~taken).any()
    assert sum(costs(units)[u] for u in np.flatnonzero(taken)) <= budget
    needed = units.requires[taken]
    assert taken[needed[needed >= 0]].all(), "what a chosen unit requires is chosen"


@given(candidates())
def test_steps_are_the_greedy_choice_without_a_limit(units: Candidates) -> None:
    made, cost = steps(units), costs(units)
    assert made.unit.tolist() == naive_order(units)
    chosen: set[int] = set()
    for place, unit in enumerate(made.unit.tolist()):
        added = closure(units, unit) - chosen
        chosen |= added
        assert made.cost[place] == sum(cost[u] for u in added)
        taken, own = made.first(place + 1)
        assert set(np.flatnonzero(taken).tolist()) == chosen
        assert set(np.flatnonzero(own).tolist()) == set(made.unit[: place + 1].tolist())


@given(candidates(), candidates(), st.floats(0, 1), st.integers(0, 60), st.integers(0, 10))
def test_a_larger_budget_never_supervises_fewer_tokens(
    code: Candidates, prose: Candidates, fraction: float, low: int, more: int
) -> None:
    def supervised(budget: int) -> int:
        orders = [steps(units) for units in (code, prose)]
        limits = shares(budget, *(int(order.cost.sum()) for order in orders), fraction)
        total = 0
        for units, order, limit in zip((code, prose), orders, limits, strict=True):
            taken, _ = choose(units, order, limit)
            total += sum(costs(units)[u] for u in np.flatnonzero(taken))
        assert total <= budget
        return total

    assert supervised(low) <= supervised(low + more)


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100), st.floats(0, 1))
def test_shares_are_within_the_budget_and_leave_nothing_unused(budget: int, code: int, prose: int, fraction: float) -> None:
    for_code, for_prose = shares(budget, code, prose, fraction)
    assert 0 <= for_code <= code
    assert 0 <= for_prose <= prose
    assert for_code + for_prose <= budget
    if fraction > 0:
        assert for_code + for_prose == min(budget, code + prose)
    else:
        assert (for_code, for_prose) == (min(budget, code), 0)


def test_a_unit_that_does_not_fit_is_skipped_not_cut() -> None:
    units = make([3.0, 2.0, 1.0], [5, 9, 4])
    assert choose(units, steps(units), 10)[0].tolist() == [True, False, True]


def test_always_ignores_the_budget() -> None:
    units = make([ALWAYS, 1.0, NEVER], [50, 1, 2], [2, -1, -1])
    assert steps(units).cost.tolist() == [0, 1]
    taken, own = choose(units, steps(units), 0)
    assert taken.tolist() == [True, False, True]
    assert own.tolist() == [True, False, False]


def test_allowances_are_fractions_up_to_one_and_counts_above() -> None:
    assert allowance(35, SelectSettings(budget=0.3)) == 10
    assert allowance(35, SelectSettings(budget=1.0)) == 35
    assert allowance(10, SelectSettings(budget=12)) == 10
    assert allowance(25, SelectSettings(budget=12)) == 12

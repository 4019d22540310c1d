"""Choosing the units of one sample, under a budget or down to a place in their order (METHOD H)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codeblock.config import SelectSettings
from codeblock.select.proposal import ALWAYS, NEVER, Candidates
from codeblock.types import Bool, Float64, Int32, Int64


@dataclass(frozen=True, slots=True)
class Steps:
    """The candidates of one sample in the order in which a greedy choice takes them, as long as everything fits.

    Attributes:
        unit: [C] the unit of each step: those that may be chosen for themselves, by priority, equal ones by index.
        priority: [C] of that unit.
        cost: [C] tokens that the step adds: of the unit and of what it requires, where no earlier step took them; 0 for a
            unit with priority `ALWAYS`, which is outside the budget.
        rank: [U] the step that takes each unit, C for a unit that none takes.
    """

    unit: Int64
    priority: Float64
    cost: Int64
    rank: Int64

    def first(self, count: int) -> tuple[Bool, Bool]:
        """Take the first steps: [U] True where a unit is taken, and [U] True where it is for its own priority."""
        own = np.zeros(len(self.rank), dtype=np.bool_)
        own[self.unit[:count]] = True
        return self.rank < count, own


def steps(candidates: Candidates) -> Steps:
    """Order the units of one sample."""
    priority = candidates.priority
    order = np.argsort(-priority, kind="stable")[: np.count_nonzero(priority > NEVER)]
    rank = np.full(len(priority), len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    # what is required is as urgent as the most urgent unit that requires it
    has = np.flatnonzero(candidates.requires >= 0)
    needed = candidates.requires[has]
    while (rank[has] < rank[needed]).any():
        np.minimum.at(rank, needed, rank[has])
    cost = np.bincount(rank, weights=_costs(candidates), minlength=len(order) + 1)[: len(order)].astype(np.int64)
    return Steps(order, priority[order], np.where(priority[order] == ALWAYS, 0, cost), rank)


def choose(candidates: Candidates, order: Steps, budget: int) -> tuple[Bool, Bool]:
    """Choose greedily by priority until nothing more fits.

    A unit that does not fit together with what it requires is skipped, not cut, and smaller ones may follow. Equal priorities go
    by index. The cost of a unit is its own tokens and those of required units that are not chosen yet.

    Args:
        candidates: of one sample.
        order: their steps.
        budget: tokens; units with priority `ALWAYS` do not count.

    Returns:
        [U] True where the unit is chosen, and [U] True where it is chosen for its own priority (the others are required).
    """
    own = np.zeros(len(candidates.priority), dtype=np.bool_)
    taken = own.copy()
    skipped = False
    cost, requires = _costs(candidates).tolist(), candidates.requires.tolist()
    for unit in order.unit.tolist():
        need, chain = unit, []
        while need >= 0 and not taken[need]:
            chain.append(need)
            need = requires[need]
        total = 0 if candidates.priority[unit] == ALWAYS else sum(cost[need] for need in chain)
        if total > budget:
            skipped = True
            continue
        taken[chain] = True
        # behind the first that did not fit, what was required already is not chosen for itself, as it costs nothing
        own[unit] = bool(chain) or not skipped
        budget -= total
    return taken, own


def allowance(response_tokens: int, settings: SelectSettings) -> int:
    """Tokens that a pool with so many response tokens may supervise; the pool is one sample with ``scope="sample"``.

    A budget up to 1 is a fraction, rounded down; above 1 it is a count.
    """
    wanted = response_tokens * settings.budget if settings.budget <= 1 else settings.budget
    return min(int(wanted), response_tokens)


def shares(budget: int, code: int, prose: int, prose_fraction: float) -> tuple[int, int]:
    """Split a pool's budget into a part for code and a part for prose.

    Prose has `prose_fraction` of the budget. What one side cannot use, because it has no more candidates, goes to the other; both
    parts therefore grow with the budget, and so does the number of supervised tokens.

    Args:
        budget: tokens.
        code: tokens that code could use at most.
        prose: tokens that prose could use at most.
        prose_fraction: in [0, 1]; with 0, prose has nothing even where code leaves something over.

    Returns:
        The parts for code and for prose; their sum is at most the budget.
    """
    wanted = int(budget * prose_fraction)
    for_prose = min(max(wanted, budget - code), prose) if prose_fraction > 0 else wanted
    return min(budget - for_prose, code), for_prose


def _costs(candidates: Candidates) -> Int32:
    """[U] tokens of each unit."""
    unit = candidates.unit[candidates.unit >= 0]
    return np.bincount(unit, minlength=len(candidates.priority)).astype(np.int32)

"""Choosing units under a budget of tokens (METHOD H)."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np

from codeblock.config import SelectSettings
from codeblock.select.proposal import ALWAYS, NEVER, Candidates
from codeblock.types import Bool, Float64, Int32, Int64

_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Units:
    """The units of many samples, one after the other: 20 bytes per unit, all that selection keeps of a sample.

    Attributes:
        priority: [U] see `Candidates.priority`.
        cost: [U] tokens of the unit.
        requires: [U] index in these arrays, -1 for none.
        sample: [U] the unit's sample, counted from 0.
    """

    priority: Float64
    cost: Int32
    requires: Int32
    sample: Int32


class UnitTable:
    """Collects the units of one sample after the other, as flat arrays."""

    def __init__(self) -> None:
        self._priority, self._cost, self._requires, self._sizes = array("d"), array("i"), array("i"), array("i")

    def add(self, candidates: Candidates) -> None:
        """Append the units of the next sample."""
        size, at = len(candidates.priority), len(self._priority)
        unit = candidates.unit[candidates.unit >= 0]
        requires = np.where(candidates.requires >= 0, candidates.requires + at, -1)
        self._priority.frombytes(candidates.priority.astype(np.float64).tobytes())
        self._cost.frombytes(np.bincount(unit, minlength=size).astype(np.int32).tobytes())
        self._requires.frombytes(requires.astype(np.int32).tobytes())
        self._sizes.append(size)

    def finish(self) -> tuple[Units, Int64]:
        """All units, and [N + 1] where each sample's begin. The units are not copied, so none can be added after that."""
        sizes = np.array(self._sizes, dtype=np.int64)
        units = Units(
            priority=np.frombuffer(self._priority, dtype=np.float64),
            cost=np.frombuffer(self._cost, dtype=np.int32),
            requires=np.frombuffer(self._requires, dtype=np.int32),
            sample=np.repeat(np.arange(len(sizes), dtype=np.int32), sizes),
        )
        return units, np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])


def budgets(response_tokens: Int64, settings: SelectSettings) -> Int64:
    """Tokens that each pool may supervise: one pool for all samples, or one per sample, as `settings.scope` says.

    Args:
        response_tokens: [N] of each kept sample.
        settings: a budget up to 1 is a fraction of the pool's response tokens, rounded down; above 1 it is a count per pool.
    """
    pools = response_tokens if settings.scope == "sample" else response_tokens.sum(keepdims=True)
    limit = np.floor(pools * settings.budget) if settings.budget <= 1 else np.full(len(pools), np.floor(settings.budget))
    return np.minimum(limit, pools).astype(np.int64)


def shares(budget: Int64, code: Int64, prose: Int64, prose_fraction: float) -> tuple[Int64, Int64]:
    """Split each pool's budget into a part for code and a part for prose.

    Prose has `prose_fraction` of the budget. What one side cannot use, because it has no more candidates, goes to the other; both
    parts therefore grow with the budget, and so does the number of supervised tokens.

    Args:
        budget: [P] tokens.
        code: [P] tokens that code could use at most.
        prose: [P] tokens that prose could use at most.
        prose_fraction: in [0, 1]; with 0, prose has nothing even where code leaves something over.

    Returns:
        The parts for code and for prose, [P] each; their sum is at most the budget.
    """
    wanted = np.floor(budget * prose_fraction).astype(np.int64)
    for_prose = np.minimum(np.maximum(wanted, budget - code), prose) if prose_fraction > 0 else wanted
    return np.minimum(budget - for_prose, code), for_prose


def most(units: Units, pool: Int32, pools: int) -> Int64:
    """Tokens per pool that would be chosen under an unlimited budget, [P]."""
    wanted = units.priority > NEVER
    frontier = wanted
    while True:
        needed = units.requires[frontier]
        needed = np.unique(needed[needed >= 0])
        needed = needed[~wanted[needed]]
        if not len(needed):
            break
        wanted[needed] = True
        frontier = np.zeros(len(wanted), dtype=np.bool_)
        frontier[needed] = True
    return np.bincount(pool[wanted], weights=units.cost[wanted], minlength=pools).astype(np.int64)


def choose(units: Units, pool: Int32, budget: Int64) -> tuple[Bool, Bool]:
    """Choose greedily by priority until nothing more fits.

    A unit that does not fit together with what it requires is skipped, not cut, and smaller ones may follow. Equal priorities go
    by index. The cost of a unit is its own tokens and those of required units that are not chosen yet.

    Args:
        units: of all samples.
        pool: [U] the pool whose budget each unit uses.
        budget: [P] tokens.

    Returns:
        [U] True where the unit is chosen, and [U] True where it is chosen for its own priority (the others are required).
        The chosen tokens of a pool never exceed its budget, but for units with priority `ALWAYS`.
    """
    order = np.argsort(-units.priority, kind="stable")[: np.count_nonzero(units.priority > NEVER)]
    own = np.zeros(len(units.priority), dtype=np.bool_)
    # the loop reads single elements: memory views give them as plain numbers, without a list of all
    cost, requires = units.cost.data, units.requires.data
    taken, left = bytearray(len(own)), budget.tolist()
    for low in range(0, len(order), _BLOCK):
        block = order[low : low + _BLOCK]
        always = units.priority[block] == ALWAYS
        for unit, group, free in zip(block.tolist(), pool[block].tolist(), always.tolist(), strict=True):
            if left[group] <= 0 and not free:
                continue
            total, need, chain = 0, unit, []
            while need >= 0 and not taken[need]:
                total += cost[need]
                chain.append(need)
                need = requires[need]
            if total <= left[group] or free:
                for need in chain:
                    taken[need] = True
                own[unit] = True
                left[group] -= total
    return np.frombuffer(taken, dtype=np.bool_), own

"""Candidates drawn at random or written by hand, and what they cost, counted naively."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from codeblock.select.proposal import NEVER, Candidates


def make(priority: Sequence[float], cost: Sequence[int], requires: Sequence[int] | None = None) -> Candidates:
    return Candidates(
        np.repeat(np.arange(len(cost), dtype=np.int32), cost),
        np.array(priority, dtype=np.float64),
        np.array([-1] * len(cost) if requires is None else requires, dtype=np.int32),
    )


@st.composite
def candidates(draw: st.DrawFn) -> Candidates:
    """Units of one sample; a unit may require an earlier one, as an item does its header."""
    size = draw(st.integers(0, 7))
    values = st.sampled_from([NEVER, -2.5, -0.0, 0.0, 0.5, 1.0, 1.0 + 1e-15, 3.5])
    return make(
        [draw(values) for _ in range(size)],
        [draw(st.integers(0, 7)) for _ in range(size)],
        [draw(st.integers(-1, i - 1)) for i in range(size)],
    )


def costs(units: Candidates) -> list[int]:
    return [int((units.unit == u).sum()) for u in range(len(units.priority))]


def closure(units: Candidates, unit: int) -> set[int]:
    needed = int(units.requires[unit])
    return {unit} | (closure(units, needed) if needed >= 0 else set())


def naive_order(units: Candidates) -> list[int]:
    """Units that may be chosen for themselves, as METHOD H orders them."""
    wanted = [u for u in range(len(units.priority)) if units.priority[u] > NEVER]
    return sorted(wanted, key=lambda u: (-units.priority[u], u))

"""The order of all candidates of a pool, on disk, and the place in it where a budget ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from codeblock.select.budget import Steps
from codeblock.select.proposal import NEVER
from codeblock.types import Float64

_STEP = np.dtype([("priority", "<f8"), ("cost", "<i4"), ("sample", "<i4"), ("place", "<i4")])
_CHUNK = 1 << 16  # steps in memory at once
_DIGIT = 16  # bits


@dataclass(frozen=True, slots=True)
class Cut:
    """The first step that is not taken. The order is by priority, then by sample, then by place among the sample's steps."""

    priority: float
    sample: int
    place: int

    def before(self, steps: Steps, sample: int) -> int:
        """How many of the sample's steps come before the cut."""
        above = int(np.count_nonzero(steps.priority > self.priority))
        equal = int(np.count_nonzero(steps.priority == self.priority))
        if sample != self.sample:
            return above + (equal if sample < self.sample else 0)
        return self.place


EVERYTHING = Cut(NEVER, -1, 0)
"""The cut behind all steps."""


class Ranking:
    """The steps of all samples of a pool, in a file of 20 bytes per step.

    Memory does not grow with the pool: the cut is found digit by digit of the priority, as a radix sort would, from sums of
    cost alone.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Args: file: empty, to write and read."""
        self._file = file
        self.total = 0
        """Tokens of all steps."""
        self.spent = 0
        """Tokens of the steps before the cut that was found last."""

    def add(self, sample: int, steps: Steps) -> None:
        """Append the steps of the next sample."""
        costly = np.flatnonzero(steps.cost)  # the others always fit
        rows = np.empty(len(costly), dtype=_STEP)
        rows["priority"] = steps.priority[costly] + 0.0  # no negative zero
        rows["cost"] = steps.cost[costly]
        rows["sample"] = sample
        rows["place"] = costly
        self._file.write(rows.tobytes())
        self.total += int(steps.cost.sum())

    def cut(self, budget: int) -> Cut:
        """The first step, in descending order of priority, that does not fit into so many tokens."""
        if self.total <= budget:
            self.spent = self.total
            return EVERYTHING
        spent, prefix = 0, 0
        for shift in range(64 - _DIGIT, -1, -_DIGIT):
            sums = np.zeros(1 << _DIGIT, dtype=np.int64)
            for rows in self._rows():
                key = _descending(rows["priority"]) >> np.uint64(shift)
                here = key >> np.uint64(_DIGIT) == prefix
                digit = (key[here] & np.uint64((1 << _DIGIT) - 1)).astype(np.int64)
                sums += np.bincount(digit, weights=rows["cost"][here], minlength=len(sums)).astype(np.int64)
            upto = spent + np.cumsum(sums)
            digit = int(np.searchsorted(upto, budget, side="right"))
            spent = int(upto[digit] - sums[digit])
            prefix = prefix << _DIGIT | digit
        for rows in self._rows():
            tied = rows[_descending(rows["priority"]) == prefix]
            upto = spent + np.cumsum(tied["cost"], dtype=np.int64)
            at = int(np.searchsorted(upto, budget, side="right"))
            if at < len(tied):
                self.spent = int(upto[at] - tied["cost"][at])
                return Cut(*tied[at][["priority", "sample", "place"]].item())
            spent = int(upto[-1]) if len(tied) else spent
        raise AssertionError("the steps cost more than the budget, so one of them does not fit")

    def _rows(self) -> Iterator[npt.NDArray[np.void]]:
        """All steps, in the order in which they were added, a chunk at a time."""
        self._file.seek(0)
        while chunk := self._file.read(_CHUNK * _STEP.itemsize):
            yield np.frombuffer(chunk, dtype=_STEP)


def _descending(priority: Float64) -> npt.NDArray[np.uint64]:
    """Integers in the opposite order of the floats: IEEE 754 as ordered bits, inverted."""
    bits = np.ascontiguousarray(priority).view(np.uint64)
    sign = np.uint64(1 << 63)
    return np.where(bits & sign, bits, ~(bits | sign))

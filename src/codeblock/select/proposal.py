"""What a strategy returns: units of tokens with a priority, for a budget to choose from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from codeblock.config import SelectSettings
from codeblock.select.sample import ScoredSample
from codeblock.types import Float64, Int32, ItemScores

NEVER = -np.inf
"""Priority of a unit that is not chosen for itself, only because another one requires it."""

ALWAYS = np.inf
"""Priority of a unit that is chosen whatever the budget."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Units of response tokens that are chosen as a whole.

    Attributes:
        unit: [R] the unit of each response token, -1 for tokens that are never supervised.
        priority: [U] a higher one is chosen first; equal ones in order of their index.
        requires: [U] the unit that must be chosen along with this one, -1 for none; chains end, without cycles.
    """

    unit: Int32
    priority: Float64
    requires: Int32


@dataclass(frozen=True, slots=True)
class Proposal:
    """The candidates of one sample. Code and prose are two shares of one budget; their tokens are disjoint.

    Attributes:
        code: of the first share.
        prose: of the second one, if there is one.
        by_item: whether the first units of `code` are the sample's items.
    """

    code: Candidates
    prose: Candidates | None = None
    by_item: bool = False


Strategy = Callable[[ScoredSample, ItemScores, SelectSettings], Proposal]
"""The one signature of all selection strategies: a pure function of one sample, its item scores and the settings."""


def tokens_as_units(sample: ScoredSample, priority: Float64) -> Candidates:
    """Every response token is a unit of its own."""
    count = len(sample.nll)
    return Candidates(np.arange(count, dtype=np.int32), priority, np.full(count, -1, dtype=np.int32))


def items_as_units(sample: ScoredSample, priority: Float64, *, closure: bool) -> Candidates:
    """Items are units 0 .. I - 1; the markup of segment s (its fence lines) is unit I + s and follows its items.

    Args:
        sample: the sample.
        priority: [I] of the items; items that are not code, or have no core token, are never chosen for themselves.
        closure: an item requires its enclosing header; without it, only the fence lines of its block.
    """
    items = len(sample.kind)
    fence = sample.segment + np.int32(items)
    requires = np.where(sample.parent >= 0, sample.parent, fence) if closure else fence
    has_core = np.zeros(items, dtype=np.bool_)
    has_core[sample.owner[sample.core]] = True
    return Candidates(
        unit=sample.owner,
        priority=np.concatenate([np.where(sample.is_code & has_core, priority, NEVER), np.full(sample.segments, NEVER)]),
        requires=np.concatenate([requires, np.full(sample.segments, -1)]).astype(np.int32),
    )


def generator(sample: ScoredSample, settings: SelectSettings, purpose: str) -> np.random.Generator:
    """A random generator that depends on the seed, the sample's id and the purpose alone, not on the order of samples."""
    digest = blake2b(f"{settings.seed}\0{purpose}\0{sample.id}".encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))

"""Selection over a whole pool: one pass plans under the budget, a second applies the plan to each sample."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from codeblock.config import SelectSettings
from codeblock.errors import UsageError, nearest
from codeblock.select.budget import UnitTable, budgets, choose, most, shares
from codeblock.select.priority import item_scores
from codeblock.select.proposal import NEVER, Candidates, Proposal, Strategy, generator
from codeblock.select.sample import KINDS, ScoredSample
from codeblock.select.strategies import STRATEGIES
from codeblock.types import PROSE_KINDS, Bool, Int64, ItemKind, Selection, Verdict


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which units were chosen: `taken` at all and for their `own` priority; sample n has ``offsets[n]:offsets[n + 1]``."""

    offsets: Int64
    taken: Bool
    own: Bool


@dataclass(frozen=True, slots=True)
class Plan:
    """The outcome of the first pass.

    Attributes:
        settings: that it was made with.
        budget: tokens that may be supervised, over all pools.
        response_tokens: of all samples planned for.
        code: the chosen units of code.
        prose: the chosen units of prose.
    """

    settings: SelectSettings
    budget: int
    response_tokens: int
    code: Chosen
    prose: Chosen


def strategy(name: str) -> Strategy:
    """The selection strategy of this name.

    Raises:
        UsageError: with the nearest known name.
    """
    if name not in STRATEGIES:
        raise UsageError(f"unknown strategy {name!r}{nearest(name, STRATEGIES)} (known: {', '.join(STRATEGIES)})")
    return STRATEGIES[name]


def plan(samples: Iterable[ScoredSample], settings: SelectSettings) -> Plan:
    """Choose units of all samples under the budget.

    Keeps 20 bytes per unit (item, word or token) and nothing else of a sample.

    Args:
        samples: the pool, in order; read once.
        settings: strategy, budget and the rest.
    """
    propose = strategy(settings.strategy)
    code, prose, tokens = UnitTable(), UnitTable(), array("q")
    for sample in samples:
        proposal = propose(sample, item_scores(sample, settings), settings)
        code.add(proposal.code)
        prose.add(_prose(proposal, sample))
        tokens.append(len(sample.nll))
    response_tokens = np.array(tokens, dtype=np.int64)
    (code_units, code_at), (prose_units, prose_at) = code.finish(), prose.finish()
    budget = budgets(response_tokens, settings)
    each = settings.scope == "sample"
    one_pool = np.zeros(1, dtype=np.int32)
    code_pool, prose_pool = (u.sample if each else np.broadcast_to(one_pool, u.sample.shape) for u in (code_units, prose_units))
    for_code, for_prose = shares(
        budget, most(code_units, code_pool, len(budget)), most(prose_units, prose_pool, len(budget)), settings.prose_fraction
    )
    return Plan(
        settings,
        int(budget.sum()),
        int(response_tokens.sum()),
        Chosen(code_at, *choose(code_units, code_pool, for_code)),
        Chosen(prose_at, *choose(prose_units, prose_pool, for_prose)),
    )


def apply(plan: Plan, n: int, sample: ScoredSample, eos_share: float) -> Selection:
    """The selection of the n-th sample that `plan` was made for.

    Args:
        plan: of the pool that holds the sample.
        n: the sample's place in that pool, from 0.
        sample: the same sample again.
        eos_share: share of the samples whose end-of-turn tokens are supervised; only samples with another supervised token count.
    """
    settings = plan.settings
    scores = item_scores(sample, settings)
    proposal = strategy(settings.strategy)(sample, scores, settings)
    code_taken, code_own = _of(plan.code, n)
    prose_taken, _ = _of(plan.prose, n)
    supervised = _tokens(proposal.code, code_taken) | _tokens(_prose(proposal, sample), prose_taken)
    stop = bool(supervised.any()) and generator(sample, settings, "end-of-turn").random() < eos_share
    by_item = proposal.prose is not None
    return Selection(supervised, stop, scores, _verdicts(sample, proposal.code, code_taken, code_own) if by_item else None)


def _prose(proposal: Proposal, sample: ScoredSample) -> Candidates:
    """The proposal's prose, or candidates without any unit."""
    nothing = np.zeros(0, dtype=np.int32)
    return proposal.prose or Candidates(np.full(len(sample.nll), -1, dtype=np.int32), np.zeros(0), nothing)


def _of(chosen: Chosen, n: int) -> tuple[Bool, Bool]:
    """What was chosen of sample n."""
    here = slice(chosen.offsets[n], chosen.offsets[n + 1])
    return chosen.taken[here], chosen.own[here]


def _tokens(candidates: Candidates, taken: Bool) -> Bool:
    """[R] True for the tokens of taken units."""
    return np.append(taken, False)[candidates.unit]


def _verdicts(sample: ScoredSample, candidates: Candidates, taken: Bool, own: Bool) -> tuple[Verdict, ...]:
    """Why each item is supervised or not."""

    def verdict(item: int) -> Verdict:
        kind = KINDS[sample.kind[item]]
        if kind in PROSE_KINDS:
            return Verdict.WORDS
        if own[item]:
            return Verdict.CHOSEN
        if taken[item]:
            return Verdict.REQUIRED
        if kind is ItemKind.ERROR:
            return Verdict.DAMAGED
        return Verdict.NOTHING if candidates.priority[item] == NEVER else Verdict.BUDGET

    return tuple(verdict(i) for i in range(len(sample.kind)))

"""Selection over a whole pool: one pass plans under the budget, a second applies the plan to each sample."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codeblock.config import SelectSettings
from codeblock.errors import UsageError, nearest
from codeblock.select.budget import allowance, choose, shares, steps
from codeblock.select.priority import item_scores
from codeblock.select.proposal import NEVER, Candidates, Proposal, Strategy, generator
from codeblock.select.ranking import Cut, Ranking
from codeblock.select.sample import KINDS, ScoredSample
from codeblock.select.strategies import STRATEGIES, WITH_REFERENCE
from codeblock.store import scratch_file
from codeblock.types import PROSE_KINDS, Bool, ItemKind, Selection, Verdict


@dataclass(frozen=True, slots=True)
class Plan:
    """The outcome of the first pass over a pool.

    Attributes:
        settings: that it was made with.
        code: where the choice of code ends; None with ``scope="sample"``, where each sample has a budget of its own.
        prose: where the choice of prose ends; likewise.
        nothing: whether not even the first choice fits into the common budget.
    """

    settings: SelectSettings
    code: Cut | None = None
    prose: Cut | None = None
    nothing: bool = False


def strategy(settings: SelectSettings) -> Strategy:
    """The selection strategy that the settings name.

    Raises:
        UsageError: there is none of that name, or it needs a reference, or has no use for one.
    """
    name = settings.strategy
    if name not in STRATEGIES:
        raise UsageError(f"unknown strategy {name!r}{nearest(name, STRATEGIES)} (known: {', '.join(STRATEGIES)})")
    if name in WITH_REFERENCE and settings.reference is None:
        raise UsageError(
            f"strategy {name} compares two models: score the same rows with the other one, and name that run with --reference"
        )
    if name not in WITH_REFERENCE and settings.reference is not None:
        raise UsageError(f"strategy {name} has no use for --reference {settings.reference}: leave it out")
    return STRATEGIES[name]


def plan(samples: Iterable[tuple[int, ScoredSample]], settings: SelectSettings, directory: Path) -> Plan:
    """Find where the choice ends when all samples share one budget.

    Units are taken by priority, equal ones in the order of the samples, up to the first that does not fit. What a smaller budget
    takes is therefore always among what a larger one takes. Memory does not grow with the number of samples.

    Args:
        samples: the pool, numbered in ascending order; read once.
        settings: strategy, budget and the rest.
        directory: for temporary files, 20 bytes per unit.

    Raises:
        UsageError: as `strategy` says.
        StoreError: the temporary files cannot be written.
    """
    propose = strategy(settings)
    if settings.scope == "sample":
        return Plan(settings)
    response_tokens = 0
    with scratch_file(directory) as code_file, scratch_file(directory) as prose_file:
        code, prose = Ranking(code_file), Ranking(prose_file)
        for n, sample in samples:
            proposal = propose(sample, item_scores(sample, settings), settings)
            code.add(n, steps(proposal.code))
            prose.add(n, steps(_prose(proposal, sample)))
            response_tokens += len(sample.nll)
        for_code, for_prose = shares(allowance(response_tokens, settings), code.total, prose.total, settings.prose_fraction)
        cuts = code.cut(for_code), prose.cut(for_prose)
        return Plan(settings, *cuts, nothing=code.total + prose.total > 0 == code.spent + prose.spent)


def apply(plan: Plan, n: int, sample: ScoredSample, eos_share: float) -> Selection:
    """The selection of a sample that `plan` was made for.

    Args:
        plan: of the pool that holds the sample.
        n: the sample's number in that pool.
        sample: the same sample again.
        eos_share: share of the samples whose end-of-turn tokens are supervised; only samples with another supervised token count.
    """
    settings = plan.settings
    scores = item_scores(sample, settings)
    proposal = strategy(settings)(sample, scores, settings)
    code, prose = proposal.code, _prose(proposal, sample)
    by_code, by_prose = steps(code), steps(prose)
    if plan.code and plan.prose:
        code_taken, code_own = by_code.first(plan.code.before(by_code, n))
        prose_taken, _ = by_prose.first(plan.prose.before(by_prose, n))
    else:
        most = int(by_code.cost.sum()), int(by_prose.cost.sum())
        for_code, for_prose = shares(allowance(len(sample.nll), settings), *most, settings.prose_fraction)
        code_taken, code_own = choose(code, by_code, for_code)
        prose_taken, _ = choose(prose, by_prose, for_prose)
    supervised = _tokens(code, code_taken) | _tokens(prose, prose_taken)
    stop = bool(supervised.any()) and generator(sample, settings, "end-of-turn").random() < eos_share
    return Selection(supervised, stop, scores, _verdicts(sample, code, code_taken, code_own) if proposal.by_item else None)


def _prose(proposal: Proposal, sample: ScoredSample) -> Candidates:
    """The proposal's prose, or candidates without any unit."""
    nothing = np.zeros(0, dtype=np.int32)
    return proposal.prose or Candidates(np.full(len(sample.nll), -1, dtype=np.int32), np.zeros(0), nothing)


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

"""The selection strategies, by name."""

from __future__ import annotations

import numpy as np

from codeblock.config import SelectSettings
from codeblock.scoring.gce import gce
from codeblock.select.priority import counted_tokens, lift
from codeblock.select.proposal import ALWAYS, NEVER, Candidates, Proposal, Strategy, generator, items_as_units, tokens_as_units
from codeblock.select.prose import prose_words, word_scores
from codeblock.select.sample import ScoredSample
from codeblock.types import ItemScores


def codeblock(sample: ScoredSample, scores: ItemScores, settings: SelectSettings) -> Proposal:
    """Items by gated priority, and informative words (METHOD E to I; arXiv 2606.18286)."""
    # utility 0 (no core token, or every one of them certain) is nothing to learn
    priority = np.where(scores.utility > 0, scores.priority, NEVER)
    loss = gce(sample.nll.astype(np.float64), settings.q)
    words = prose_words(sample)
    prose = words.candidates(word_scores(words, loss))
    if settings.unit == "token":
        counted = counted_tokens(sample, settings)
        by_token = np.full(len(loss), NEVER)
        by_token[counted] = loss[counted] * lift(sample, scores.gate, settings)[sample.owner[counted]]
        return Proposal(tokens_as_units(sample, by_token), prose)
    return Proposal(items_as_units(sample, priority, closure=settings.closure), prose, by_item=True)


def full(sample: ScoredSample, scores: ItemScores, settings: SelectSettings) -> Proposal:
    """Every response token, whatever the budget: ordinary supervised fine-tuning."""
    unit = np.zeros(len(sample.nll), dtype=np.int32)
    return Proposal(Candidates(unit, np.array([ALWAYS]), np.array([-1], dtype=np.int32)))


def random_items(sample: ScoredSample, scores: ItemScores, settings: SelectSettings) -> Proposal:
    """Items and words in random order, with the same closure and shares as `codeblock`."""
    random = generator(sample, settings, "random-items")
    words = prose_words(sample)
    items = items_as_units(sample, random.random(len(sample.kind)), closure=settings.closure)
    return Proposal(items, words.candidates(random.random(words.count)), by_item=True)


def random_tokens(sample: ScoredSample, scores: ItemScores, settings: SelectSettings) -> Proposal:
    """Response tokens in random order."""
    return Proposal(tokens_as_units(sample, generator(sample, settings, "random-tokens").random(len(sample.nll))))


def top_loss(sample: ScoredSample, scores: ItemScores, settings: SelectSettings) -> Proposal:
    """Response tokens with the highest negative log-likelihood; the order by GCE is the same for every q."""
    return Proposal(tokens_as_units(sample, sample.nll.astype(np.float64)))


def token_cleaning(sample: ScoredSample, scores: ItemScores, settings: SelectSettings) -> Proposal:
    """Response tokens that a reference model, tuned on similar data, predicts better by most (Token Cleaning, arXiv 2502.01968).

    The paper's fixed model is one reference for the whole pool; it keeps the best 60 % of the response tokens.
    """
    assert sample.reference is not None
    return Proposal(tokens_as_units(sample, sample.nll.astype(np.float64) - sample.reference))


STRATEGIES: dict[str, Strategy] = {
    "codeblock": codeblock,
    "full": full,
    "random-items": random_items,
    "random-tokens": random_tokens,
    "top-loss": top_loss,
    "token-cleaning": token_cleaning,
}

WITH_REFERENCE = frozenset({"token-cleaning"})
"""Strategies that compare two models' scores."""

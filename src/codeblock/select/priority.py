"""Item utility and gated priority (METHOD E and G)."""

from __future__ import annotations

import numpy as np

from codeblock.config import SelectSettings
from codeblock.scoring.gce import gce
from codeblock.select.sample import ScoredSample
from codeblock.types import Bool, Float64, Int32, ItemScores


def item_scores(sample: ScoredSample, settings: SelectSettings) -> ItemScores:
    """Score the items of one sample.

    ``U_i`` aggregates the generalised cross-entropy of the item's core tokens; items without core tokens, and items that are not
    code, have utility 0. ``P_i = U_i * (1 + gate_i * (alpha * reach_i + beta * bridge_i))`` where the gate is open when
    ``U_i >= tau``; tau is by default the median utility of the code items of the same response.
    """
    items = len(sample.kind)
    counted = counted_tokens(sample, settings)
    owner, value = sample.owner[counted], gce(sample.nll[counted].astype(np.float64), settings.q)
    utility = _aggregate(owner, value, items, settings)
    gate = _gate(sample, utility, settings)
    tokens = np.bincount(sample.owner[(sample.owner >= 0) & (sample.owner < items)], minlength=items).astype(np.int32)
    return ItemScores(tokens=tokens, utility=utility, gate=gate, priority=utility * lift(sample, gate, settings))


def counted_tokens(sample: ScoredSample, settings: SelectSettings) -> Bool:
    """[R] True for the tokens that count for the utility of a code item: those with a core logic token, or all of its own."""
    counted = (sample.owner >= 0) & (sample.owner < len(sample.kind))
    if settings.core == "logic":
        counted &= sample.core
    counted[counted] = sample.is_code[sample.owner[counted]]
    return counted


def lift(sample: ScoredSample, gate: Bool, settings: SelectSettings) -> Float64:
    """[I] What structure multiplies an item's utility by."""
    return 1.0 + gate * (settings.alpha * sample.reach + settings.beta * sample.bridge)


def _aggregate(owner: Int32, value: Float64, items: int, settings: SelectSettings) -> Float64:
    """Mean, sum or mean of the top m values of each item; 0 for an item without values."""
    if settings.utility == "top":
        order = np.lexsort((-value, owner))
        owner, value = owner[order], value[order]
        rank = np.arange(len(owner)) - np.searchsorted(owner, owner)
        owner, value = owner[rank < settings.top_m], value[rank < settings.top_m]
    total: Float64 = np.bincount(owner, weights=value, minlength=items).astype(np.float64)
    if settings.utility == "sum":
        return total
    return total / np.maximum(np.bincount(owner, minlength=items), 1)


def _gate(sample: ScoredSample, utility: Float64, settings: SelectSettings) -> Bool:
    """True where structure may lift the item."""
    if not settings.gate:
        return sample.is_code
    if settings.tau is not None:
        return sample.is_code & (utility >= settings.tau)
    gate = np.zeros(len(utility), dtype=np.bool_)
    for response in np.unique(sample.item_response):
        here = sample.is_code & (sample.item_response == response)
        if here.any():
            gate[here] = utility[here] >= np.median(utility[here])
    return gate

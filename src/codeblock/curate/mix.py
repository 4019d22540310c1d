"""How many samples each source gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from codeblock.errors import UsageError, nearest
from codeblock.types import Bool, Int64


def parse_weights(text: str, sources: Sequence[str]) -> dict[str, float]:
    """Read ``source=weight,...``; a source that is not named has weight 0.

    Raises:
        UsageError: a source does not exist, or a weight is no number of at least 0.
    """
    weights = dict.fromkeys(sources, 0.0)
    for part in text.split(","):
        name, _, value = part.strip().rpartition("=")
        if name not in weights:
            raise UsageError(f"--weights names {name!r}{nearest(name, sources)} (sources: {', '.join(sources)})")
        try:
            weights[name] = float(value)
        except ValueError:
            weights[name] = -1.0
        if not 0 <= weights[name] < float("inf"):
            raise UsageError(f"the weight of {name} is {value!r}, not a number of at least 0")
    if not any(weights.values()):
        raise UsageError(f"all weights are 0 in {text!r}")
    return weights


def quotas(total: int, weights: Mapping[str, float], available: Mapping[str, int]) -> dict[str, int]:
    """Share out `total` samples in proportion to the weights; what a source cannot give, the others do.

    Returns:
        Samples per source, at most those available; their sum is `total`, or less where the sources with a weight have no more.
    """
    given = dict.fromkeys(weights, 0)
    while True:
        left = total - sum(given.values())
        open_sources = [name for name, weight in weights.items() if weight > 0 and given[name] < available.get(name, 0)]
        if not left or not open_sources:
            return given
        sum_of_weights = sum(weights[name] for name in open_sources)
        wanted = {name: left * weights[name] / sum_of_weights for name in open_sources}
        share = {name: int(value) for name, value in wanted.items()}
        # whole samples that rounding leaves over go to the largest remainders
        for name in sorted(open_sources, key=lambda n: (share[n] - wanted[n], n))[: left - sum(share.values())]:
            share[name] += 1
        for name in open_sources:
            given[name] = min(given[name] + share[name], available[name])


def take(order: Int64, count: int, sources: Sequence[str], weights: Mapping[str, float] | None) -> Bool:
    """Choose the first `count` samples of an order, or of each source its quota.

    Args:
        order: [N] numbers of the samples, the first to take first.
        count: how many to take.
        sources: [N] source of each sample, by number.
        weights: of the sources; None takes from the whole.

    Returns:
        [N] True for the samples that are taken, by number.
    """
    taken = np.zeros(len(order), dtype=np.bool_)
    if weights is None:
        taken[order[:count]] = True
        return taken
    available = dict.fromkeys(weights, 0)
    for name in sources:
        available[name] += 1
    left = quotas(count, weights, available)
    for number in map(int, order):
        if left[sources[number]]:
            left[sources[number]] -= 1
            taken[number] = True
    return taken

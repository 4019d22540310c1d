"""Scarcity: how far a sample lies from its nearest neighbours (METHOD A)."""

from __future__ import annotations

import numpy as np

from codeblock.types import Float32, Float64

_DIGITS = 6  # beyond them, two machines may differ


def scarcity(similarities: Float32) -> Float64:
    """Mean cosine distance to the nearest neighbours, scaled to [0, 1] over the pool.

    Args:
        similarities: [N, k] cosine similarity to each sample's k nearest neighbours; NaN where the pool has fewer.

    Returns:
        [N], rounded to `_DIGITS` digits; 0 throughout where all samples are equally far from each other.
    """
    if not similarities.size:
        return np.zeros(len(similarities))
    distance = np.nanmean(1.0 - similarities.astype(np.float64), axis=1) if similarities.shape[1] else np.zeros(len(similarities))
    spread = float(np.ptp(distance))
    return np.round((distance - distance.min()) / spread, _DIGITS) if spread > 1e-9 else np.zeros(len(distance))

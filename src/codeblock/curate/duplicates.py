"""Samples that say the same as a better one.

Exact duplicates have the same content hash. Near-duplicates share at least a given part of their token 3-grams (Jaccard
similarity); candidates come from MinHash signatures in bands (Broder 1997; Leskovec, Rajaraman and Ullman, Mining of Massive
Datasets, chapter 3), and every one of them is compared exactly, so that no sample is dropped for a chance likeness of signatures.
A pair of similarity s is a candidate with probability 1 - (1 - s^4)^32: 0.99999995 at 0.8, 0.87 at 0.5.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt
from rensa.rensa import RMinHash

from codeblock.curate.text import shingles
from codeblock.types import Bool, Int64

BANDS = 32
BAND_ROWS = 4

Uint64 = npt.NDArray[np.uint64]
Uint32 = npt.NDArray[np.uint32]

_SEED = 0
_FACTORS = np.random.default_rng(0).integers(1, 1 << 63, BAND_ROWS, dtype=np.uint64) | np.uint64(1)


def band_hashes(texts: Iterable[str]) -> Uint64:
    """[N, BANDS] a hash of each band of the texts' MinHash signatures; texts that share one in its place are candidates."""
    sets = [shingles(text) for text in texts]
    signatures = RMinHash.digests_from_token_sets(sets, BANDS * BAND_ROWS, _SEED)
    rows = np.array(signatures, dtype=np.uint64).reshape(len(sets), BANDS, BAND_ROWS)
    return (rows * _FACTORS).sum(axis=2, dtype=np.uint64)


def shingle_hashes(text: str) -> Uint32:
    """The distinct token 3-grams of a text as sorted hashes."""
    return np.unique(np.fromiter((zlib.crc32(s.encode()) for s in shingles(text)), np.uint32))


def similarity(one: Uint32, other: Uint32) -> float:
    """Jaccard similarity of two sets, as sorted distinct numbers."""
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / (len(one) + len(other) - shared)


def candidates(bands: Uint64) -> Bool:
    """[N] True for the texts that share a band with another."""
    shared = np.zeros(len(bands), dtype=np.bool_)
    for band in bands.T:
        _, inverse, counts = np.unique(band, return_inverse=True, return_counts=True)
        shared |= counts[inverse] > 1
    return shared


def near_duplicates(
    order: Int64, bands: Uint64, load: Callable[[Sequence[int]], Sequence[Uint32]], threshold: float
) -> dict[int, tuple[int, float]]:
    """Find the texts that are too similar to one that comes before them and stays.

    Args:
        order: [N] numbers of the texts, the one to prefer first.
        bands: [N, BANDS] of `band_hashes`, by number.
        load: the `shingle_hashes` of texts, by number; called once, with all candidates.
        threshold: Jaccard similarity from which a text is a duplicate.

    Returns:
        For each duplicate, the text that stays instead, and their similarity.
    """
    ranked: list[int] = order[candidates(bands)[order]].tolist()
    sets = dict(zip(ranked, load(ranked), strict=True))
    kept: dict[tuple[int, int], list[int]] = {}
    found: dict[int, tuple[int, float]] = {}
    for number in ranked:
        buckets = list(enumerate(bands[number].tolist()))
        seen: set[int] = set()
        for bucket in buckets:
            for other in kept.get(bucket, ()):
                if other not in seen:
                    seen.add(other)
                    alike = similarity(sets[number], sets[other])
                    if alike >= threshold and alike > found.get(number, (0, 0.0))[1]:
                        found[number] = other, alike
        if number not in found:
            for bucket in buckets:
                kept.setdefault(bucket, []).append(number)
    return found

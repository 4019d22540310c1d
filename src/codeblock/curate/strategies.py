"""The sample strategies, by name: in which order a pool's samples are taken."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np

from codeblock.config import CurateSettings
from codeblock.types import Float32, Float64, Int64

_COMPONENTS = 10  # of the principal component analysis in `clam`
_ROUNDS = 30


class Needs(Enum):
    """What a strategy looks at, so that nothing is computed for nobody."""

    QUALITY = "quality"
    SCARCITY = "scarcity"
    VECTORS = "vectors"
    DIFFICULTY = "difficulty"


@dataclass(frozen=True, slots=True)
class Pool:
    """The samples to choose from, in the order of their content hashes: whatever file they come from, equal ones rank alike.

    Attributes:
        hashes: [N] content hashes, ascending.
        quality: [N, S] under S sources; NaN is missing.
        classes: [N, S] the same as ordinal classes (see `quality_classes`).
        length: [N] bytes of all responses.
        scarcity: [N] in [0, 1].
        vectors: [N, D] of length 1.
        difficulty: [N] instruction-following difficulty; NaN where it could not be told.
    """

    hashes: tuple[bytes, ...]
    quality: Float64
    classes: Int64
    length: Int64
    scarcity: Float64
    vectors: Float32
    difficulty: Float64


Strategy = Callable[[Pool, CurateSettings], Int64]
"""Returns [N] the numbers of all samples, the first to take first."""


@dataclass(frozen=True, slots=True)
class SampleStrategy:
    """A strategy, and what it needs."""

    order: Strategy
    needs: frozenset[Needs]


def random(pool: Pool, settings: CurateSettings) -> Int64:
    """Uniform, by a seeded hash of the content."""
    seed = settings.sample_seed.to_bytes(8, "little", signed=True)
    drawn = [hashlib.blake2b(content, digest_size=8, key=seed).digest() for content in pool.hashes]
    return np.array(sorted(range(len(drawn)), key=drawn.__getitem__), dtype=np.int64)


def longest(pool: Pool, settings: CurateSettings) -> Int64:
    """The longest responses first."""
    return np.argsort(-pool.length, kind="stable")


def quality(pool: Pool, settings: CurateSettings) -> Int64:
    """By quality alone, the sources in order; missing last."""
    return _by(*(np.where(np.isnan(column), -np.inf, column) for column in pool.quality.T))


def scarcity(pool: Pool, settings: CurateSettings) -> Int64:
    """By scarcity alone."""
    return _by(pool.scarcity)


def ds2_order(pool: Pool, settings: CurateSettings) -> Int64:
    """The order of DS2 (arXiv 2410.10877): the first source's quality in whole numbers, then scarcity."""
    return _by(np.where(np.isnan(pool.quality[:, 0]), -np.inf, np.round(pool.quality[:, 0])), pool.scarcity)


def ifd(pool: Pool, settings: CurateSettings) -> Int64:
    """By instruction-following difficulty (arXiv 2308.12032), the hardest first; but from 1 on, the instruction is no help."""
    return _by(np.where(np.isnan(pool.difficulty), -np.inf, pool.difficulty < 1), np.nan_to_num(pool.difficulty, nan=-np.inf))


def clam(pool: Pool, settings: CurateSettings) -> Int64:
    """Clusters of similar samples, thinned from inside (after arXiv 2407.05040, whose details are open).

    Ten principal components, k-means, and inside each cluster those first that lie far from its centre (`diversity`) or where its
    density, by a Gaussian kernel, is lowest (`density`). Clusters take turns in proportion to their size.
    """
    count = len(pool.hashes)
    points = _principal(pool.vectors)
    clusters = settings.clusters or max(1, round((count / 2) ** 0.5))
    cell = _k_means(points, min(clusters, count))
    place = np.empty(count)
    for number in np.unique(cell).tolist():
        mine = np.flatnonzero(cell == number)
        worth = _spread(points[mine]) if settings.clam == "diversity" else _sparsity(points[mine])
        # the j-th of n samples comes at (j + 1/2) / n: every cluster has then given the same share of its samples
        place[mine[np.argsort(-worth, kind="stable")]] = (np.arange(len(mine)) + 0.5) / len(mine)
    return np.argsort(place, kind="stable")


def codeblock(pool: Pool, settings: CurateSettings) -> Int64:
    """Quality classes of all sources in order, then scarcity; or a weighted sum of both (METHOD A)."""
    if settings.order == "weighted":
        weight = settings.quality_weight
        return _by(weight * _scaled(pool.classes).mean(axis=1) + (1 - weight) * pool.scarcity)
    return _by(*pool.classes.T, pool.scarcity)


_BOTH = frozenset({Needs.QUALITY, Needs.SCARCITY})

SAMPLE_STRATEGIES: dict[str, SampleStrategy] = {
    "codeblock": SampleStrategy(codeblock, _BOTH),
    "random": SampleStrategy(random, frozenset()),
    "longest": SampleStrategy(longest, frozenset()),
    "quality": SampleStrategy(quality, frozenset({Needs.QUALITY})),
    "scarcity": SampleStrategy(scarcity, frozenset({Needs.SCARCITY})),
    "ds2-order": SampleStrategy(ds2_order, _BOTH),
    "ifd": SampleStrategy(ifd, frozenset({Needs.DIFFICULTY})),
    "clam": SampleStrategy(clam, frozenset({Needs.VECTORS})),
}


def _by(*keys: np.ndarray) -> Int64:
    """Descending by the first key, then the second, ...; equal ones in the order of their hashes."""
    return np.lexsort([-key for key in reversed(keys)])


def _scaled(values: Int64) -> Float64:
    """Each column to [0, 1]; a constant one to 0."""
    low, high = values.min(axis=0), values.max(axis=0)
    return (values - low) / np.where(high > low, high - low, 1)


def _principal(vectors: Float32) -> Float64:
    """[N, at most _COMPONENTS] principal components."""
    centred = vectors - vectors.mean(axis=0)
    _, directions = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    return centred @ directions[:, ::-1][:, :_COMPONENTS]


def _k_means(points: Float64, count: int) -> Int64:
    """[N] cluster of each point; Lloyd's algorithm, from centres as in k-means++ (Arthur and Vassilvitskii 2007)."""
    if not len(points):
        return np.zeros(0, dtype=np.int64)
    drawn = np.random.default_rng(0)
    chosen = [int(drawn.integers(len(points)))]
    distance = np.full(len(points), np.inf)
    while len(chosen) < count:
        np.minimum(distance, ((points - points[chosen[-1]]) ** 2).sum(axis=1), out=distance)
        chosen.append(int(np.searchsorted(np.cumsum(distance), drawn.random() * distance.sum())) % len(points))
    centres = points[chosen]
    cell = np.zeros(len(points), dtype=np.int64)
    for _ in range(_ROUNDS):
        square = (centres**2).sum(axis=1)
        moved = np.concatenate(
            [np.argmin(square - 2 * points[i : i + 8192] @ centres.T, axis=1) for i in range(0, len(points), 8192)]
        )
        if (moved == cell).all():
            break
        cell = moved
        sizes = np.bincount(cell, minlength=count)
        sums = np.stack([np.bincount(cell, weights=axis, minlength=count) for axis in points.T], axis=1)
        centres = np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1)[:, None], centres)
    return cell


def _spread(points: Float64) -> Float64:
    """Distance of each point from the centre of all."""
    return np.linalg.norm(points - points.mean(axis=0), axis=1)


def _sparsity(points: Float64) -> Float64:
    """Minus the log-density at each point: a Gaussian kernel as wide as the points' mean deviation (Scott's rule)."""
    width = float(points.std(axis=0).mean()) * len(points) ** (-1 / (points.shape[1] + 4))
    if width <= 0:
        return np.zeros(len(points))
    square = (points**2).sum(axis=1)
    density = np.empty(len(points))
    for begin in range(0, len(points), 1024):
        here = slice(begin, begin + 1024)
        distance = square[here, None] + square[None, :] - 2 * points[here] @ points.T
        density[here] = np.exp(-np.maximum(distance, 0) / (2 * width**2)).sum(axis=1)
    return -np.log(density)

"""Nearest neighbours by cosine similarity: exact up to some size of the pool, over inverted lists above.

Both are matrix products in blocks. Inverted lists (Jégou, Douze and Schmid 2011): k-means divides the vectors into cells, and a
vector is compared with those of the cells whose centres are nearest to it. None is lost, as an outlier may be in a graph index.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codeblock.types import Float32, Int32, Int64

PROBES = 8
"""Cells that each vector is compared with above the size up to which the search is exact."""

_QUERIES = 1024  # rows of one product
_BASE = 8192  # columns of one product
_CELL = 1000  # vectors in a cell, on average
_TRAINING = 64  # vectors per cell that k-means sees
_ROUNDS = 8
_SEED = 0


@dataclass(frozen=True, slots=True)
class Lists:
    """Vectors divided into cells.

    Attributes:
        centres: [C, D] of length 1.
        members: the numbers of each cell's vectors, ascending.
    """

    centres: Float32
    members: tuple[Int64, ...]


def inverted_lists(vectors: Float32) -> Lists:
    """Divide vectors into cells of about `_CELL`; the result depends on their order."""
    centres = _centres(vectors, max(1, len(vectors) // _CELL))
    cell = _assign(vectors, centres)
    order = np.argsort(cell, kind="stable")
    bounds = np.searchsorted(cell[order], np.arange(len(centres) + 1))
    return Lists(centres, tuple(order[bounds[c] : bounds[c + 1]] for c in range(len(centres))))


def exact_neighbours(vectors: Float32, queries: Int64, k: int) -> tuple[Int32, Float32]:
    """The k most similar vectors of each query, without itself.

    Args:
        vectors: [N, D] of length 1.
        queries: [Q] numbers of those to look at.
        k: how many.

    Returns:
        [Q, k] their numbers and [Q, k] their cosine similarities, most similar first, equal ones in their order; -1 and NaN where
        there are fewer.
    """
    found, similar = _nothing(len(queries), k)
    for top in range(0, len(queries), _QUERIES):
        mine = slice(top, top + _QUERIES)
        for left in range(0, len(vectors), _BASE):
            base = np.arange(left, min(left + _BASE, len(vectors)))
            _compare(vectors, queries[mine], base, found[mine], similar[mine])
    return found, np.where(found >= 0, similar, np.float32(np.nan))


def listed_neighbours(vectors: Float32, lists: Lists, queries: Int64, k: int, probes: int = PROBES) -> tuple[Int32, Float32]:
    """The same among the vectors of the nearest cells of each query.

    Args:
        vectors: [N, D] of length 1.
        lists: of the vectors.
        queries: [Q] numbers of those to look at; it is faster when neighbours stand side by side.
        k: how many.
        probes: cells that each query is compared with.
    """
    found, similar = _nothing(len(queries), k)
    probes = min(probes, len(lists.members))
    parts = [vectors[queries[i : i + _BASE]] @ lists.centres.T for i in range(0, len(queries), _BASE)]
    nearest = np.concatenate([np.argsort(-part, axis=1, kind="stable")[:, :probes] for part in parts])
    # the nearest cell of all queries first: what it gives is hard to beat, so that little has to be sorted later
    for columns in (nearest[:, :1], nearest[:, 1:]):
        flat = columns.ravel()
        order = np.argsort(flat, kind="stable")
        bounds = np.searchsorted(flat[order], np.arange(len(lists.members) + 1))
        for cell in np.unique(flat).tolist():
            asking = order[bounds[cell] : bounds[cell + 1]] // columns.shape[1]
            mine, best = found[asking], similar[asking]
            _compare(vectors, queries[asking], lists.members[cell], mine, best)
            found[asking], similar[asking] = mine, best
    return found, np.where(found >= 0, similar, np.float32(np.nan))


def recall(vectors: Float32, queries: Int64, similarities: Float32, k: int) -> float:
    """Share of the true k nearest neighbours of some vectors that were found.

    Args:
        vectors: [N, D] of length 1.
        queries: [Q] numbers of the vectors to look at.
        similarities: [Q, k] to what was found for them.
        k: how many.
    """
    if not len(queries):
        return 1.0
    _, truth = exact_neighbours(vectors, queries, k)
    # neighbours at the same distance are as good as each other
    worst = truth[:, [min(k, len(vectors) - 1) - 1]]
    return float((similarities >= worst - 1e-6).sum() / np.isfinite(truth).sum())


def _nothing(queries: int, k: int) -> tuple[Int32, Float32]:
    return np.full((queries, k), -1, dtype=np.int32), np.full((queries, k), -np.inf, dtype=np.float32)


def _compare(vectors: Float32, queries: Int64, base: Int64, found: Int32, best: Float32) -> None:
    """Compare queries with other vectors, none twice, and keep the best so far in `found` and `best`."""
    if not len(base):
        return
    together = base[-1] - base[0] + 1 == len(base)
    products = vectors[queries] @ (vectors[base[0] : base[-1] + 1] if together else vectors[base]).T
    products[queries[:, None] == base[None, :]] = -np.inf
    _merge(found, best, products, base)


def _merge(found: Int32, best: Float32, products: Float32, base: Int64) -> None:
    """Take what is better than the worst of the best so far."""
    k = best.shape[1]
    better = products > best[:, [-1]]
    if products.shape[1] > k and not np.isfinite(best[:, -1]).all():  # nothing to beat yet
        better &= products >= np.partition(products, -k, axis=1)[:, [-k]]
    row, column = np.nonzero(better)
    if not len(row):
        return
    rows = np.unique(row)
    place = np.searchsorted(rows, row)
    owner = np.concatenate([np.repeat(np.arange(len(rows)), k), place])
    value = np.concatenate([best[rows].ravel(), products[row, column]])
    number = np.concatenate([found[rows].ravel(), base[column]])
    # stable: what was found earlier stays before its equals
    order = np.lexsort((-value, owner))
    owner, value, number = owner[order], value[order], number[order]
    rank = np.arange(len(owner)) - np.searchsorted(owner, owner)
    keep = rank < k
    best[rows[owner[keep]], rank[keep]] = value[keep]
    found[rows[owner[keep]], rank[keep]] = np.where(np.isfinite(value[keep]), number[keep], -1)


def _centres(vectors: Float32, count: int) -> Float32:
    """[count, D] centres of spherical k-means over a seeded sample."""
    random = np.random.default_rng(_SEED)
    sample = vectors[np.sort(random.permutation(len(vectors))[: count * _TRAINING])]
    centres = sample[random.permutation(len(sample))[:count]].copy()
    for _ in range(_ROUNDS):
        cell = _assign(sample, centres)
        order = np.argsort(cell, kind="stable")
        begin = np.searchsorted(cell[order], np.arange(count))
        filled = np.bincount(cell, minlength=count) > 0
        sums = np.add.reduceat(sample[order], np.minimum(begin, len(order) - 1), axis=0)
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        moved = filled & (norms[:, 0] > 0)
        centres[moved] = (sums / np.where(norms > 0, norms, 1))[moved]
    return centres


def _assign(vectors: Float32, centres: Float32) -> Int64:
    """[N] number of the nearest centre."""
    parts = [np.argmax(vectors[i : i + _BASE] @ centres.T, axis=1) for i in range(0, len(vectors), _BASE)]
    return np.concatenate(parts).astype(np.int64)

"""Nearest neighbours by cosine similarity: exact up to some size of the pool, over inverted lists above.

Both are matrix products in blocks. Inverted lists (Jégou, Douze and Schmid 2011): k-means divides the vectors into cells, and a
vector is compared with those of the cells nearest to its own. No vector is lost, as an outlier may be in a graph index, and every
one is compared with at least `CANDIDATES` others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from codeblock.types import Float32, Int32, Int64

CANDIDATES = 8_000
"""Vectors that each is compared with above the size up to which the search is exact."""

_QUERIES = 1024  # rows of one product
_BASE = 8192  # columns of one product
_CELL = 1000  # vectors in a cell, on average
_TRAINING = 64  # vectors per cell that k-means sees
_ROUNDS = 8
_SEED = 0


@dataclass(frozen=True, slots=True)
class Search:
    """A part of the search: the vectors `queries` are compared with the vectors `base`, both given by number."""

    queries: Int64
    base: Int64


def exact_searches(queries: Int64, count: int, rows: int) -> list[Search]:
    """Compare so many vectors at a time with all `count`."""
    everything = np.arange(count)
    return [Search(queries[begin : begin + rows], everything) for begin in range(0, len(queries), rows)]


def listed_searches(vectors: Float32, candidates: int = CANDIDATES) -> list[Search]:
    """Compare each cell's vectors with those of its nearest cells, itself first, until there are enough.

    Args:
        vectors: [N, D] of length 1. The result depends on their order.
        candidates: to compare each with at least.
    """
    centres = _centres(vectors, max(1, len(vectors) // _CELL))
    cell = _assign(vectors, centres)
    order = np.argsort(cell, kind="stable")
    bounds = np.searchsorted(cell[order], np.arange(len(centres) + 1))
    members = [order[bounds[c] : bounds[c + 1]] for c in range(len(centres))]
    searches: list[Search] = []
    for number, mine in enumerate(members):
        if len(mine):
            nearest = np.argsort(-(centres @ centres[number]), kind="stable")
            nearest = np.concatenate([[number], nearest[nearest != number]])
            enough = int(np.searchsorted(np.cumsum([len(members[c]) for c in nearest]), candidates)) + 1
            searches.append(Search(mine, np.concatenate([members[c] for c in nearest[:enough].tolist()])))
    return searches


def batches(searches: Sequence[Search], rows: int) -> Iterator[list[Search]]:
    """Put searches together until they have so many queries."""
    batch: list[Search] = []
    for search in searches:
        batch.append(search)
        if sum(len(one.queries) for one in batch) >= rows:
            yield batch
            batch = []
    if batch:
        yield batch


def nearest_neighbours(vectors: Float32, search: Search, k: int) -> tuple[Int32, Float32]:
    """The k most similar vectors of each query, without itself.

    Args:
        vectors: [N, D] of length 1.
        search: which are compared.
        k: how many.

    Returns:
        [Q, k] their numbers and [Q, k] their cosine similarities, most similar first, equal ones in the order of the base; -1 and
        NaN where there are fewer.
    """
    found = np.full((len(search.queries), k), -1, dtype=np.int32)
    similar = np.full((len(search.queries), k), -np.inf, dtype=np.float32)
    whole = len(search.base) == len(vectors)
    for top in range(0, len(search.queries), _QUERIES):
        queries = search.queries[top : top + _QUERIES]
        mine, best = found[top : top + _QUERIES], similar[top : top + _QUERIES]
        for left in range(0, len(search.base), _BASE):
            base = search.base[left : left + _BASE]
            columns = vectors[base[0] : base[-1] + 1] if whole else vectors[base]
            products = vectors[queries] @ columns.T
            products[queries[:, None] == base[None, :]] = -np.inf
            _merge(mine, best, products, base)
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
    _, truth = nearest_neighbours(vectors, Search(queries, np.arange(len(vectors))), k)
    # neighbours at the same distance are as good as each other
    worst = truth[:, [min(k, len(vectors) - 1) - 1]]
    return float((similarities >= worst - 1e-6).sum() / np.isfinite(truth).sum())


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

"""The choice of samples from a whole pool: duplicates, scarcity, order (METHOD A)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from codeblock.config import CurateSettings
from codeblock.curate.duplicates import near_duplicates, shingle_hashes
from codeblock.curate.mix import parse_weights, take
from codeblock.curate.neighbours import exact_neighbours, inverted_lists, listed_neighbours, recall
from codeblock.curate.profiles import Profiles, load_pool_vectors, load_texts
from codeblock.curate.quality import Source, quality_classes, quality_names
from codeblock.curate.scarcity import scarcity
from codeblock.curate.strategies import SAMPLE_STRATEGIES, Needs, Pool, SampleStrategy
from codeblock.errors import UsageError, nearest
from codeblock.store import Counts, Shards, parquet_bytes, part_name, read_table, shard_key
from codeblock.types import Float32, Float64, Int32, Int64

NEIGHBOURS = "neighbours"
"""Directory of the neighbours below ``stages/``."""

_SHARD_QUERIES = 16_384  # seconds of work
_RECALL_QUERIES = 500
_REFINED = 0.01  # share of the rows that are compared with everything where the others are not

Progress = Callable[[int, int | None], None]


class Dropped(StrEnum):
    """Why the choice drops a row."""

    QUALITY_MISSING = "quality_missing"  # a quality value is missing, and `--missing drop`
    DUPLICATE = "duplicate"  # a row that is kept, or dropped later, has the same conversation
    NEAR_DUPLICATE = "near_duplicate"  # ... has most of its token 3-grams
    NOT_CHOSEN = "not_chosen"  # others came first


@dataclass(frozen=True, slots=True)
class Choice:
    """What became of each row of the pool. All arrays are parallel to it; rows are named by their numbers in it.

    Attributes:
        reasons: why a row was dropped, here or before; None for the chosen ones.
        order: the chosen rows, best first.
        rank: [N] place of a row in the strategy's order, from 0; -1 for rows dropped before.
        classes: [N, S] quality classes; -1 is missing.
        scarcity: [N]; NaN where it was not computed.
        neighbours: [N, k] nearest other rows; -1 where there are none.
        similarities: [N, k] cosine similarity to them; NaN where there are none.
        duplicate_of: [N] the row that stays instead of a duplicate; -1 for others.
        duplicate_similarity: [N] Jaccard similarity to it; NaN for others.
        facts: about the search for neighbours.
    """

    reasons: list[str | None]
    order: Int64
    rank: Int64
    classes: Int64
    scarcity: Float64
    neighbours: Int32
    similarities: Float32
    duplicate_of: Int64
    duplicate_similarity: Float64
    facts: dict[str, Any]


def find_sample_strategy(name: str) -> SampleStrategy:
    """The sample strategy of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in SAMPLE_STRATEGIES:
        raise UsageError(
            f"unknown sample strategy {name!r}{nearest(name, SAMPLE_STRATEGIES)} (known: {', '.join(SAMPLE_STRATEGIES)})"
        )
    return SAMPLE_STRATEGIES[name]


def choose(
    stages: Path,
    profiles: Profiles,
    settings: CurateSettings,
    sources: list[Source],
    groups: Mapping[str, str],
    progress: Progress | None = None,
) -> Choice:
    """Choose the samples.

    Nothing here depends on the order of the pool's rows: they are put in the order of their content hashes first.

    Args:
        stages: the directory of the stages.
        profiles: of the pool.
        settings: what to choose.
        sources: the quality sources of the profiles.
        groups: source of each input file, as the user named it.
        progress: called with the rows whose neighbours are known so far, and their total.

    Raises:
        UsageError: the weights name no source, or the embeddings do not fit the pool.
    """
    strategy = find_sample_strategy(settings.sample_strategy)
    count = len(profiles.ids)
    reasons = list(profiles.reasons)
    if settings.missing == "drop":
        for row in np.flatnonzero(profiles.alive() & np.isnan(profiles.quality).any(axis=1)).tolist():
            reasons[row] = Dropped.QUALITY_MISSING
    values = _banded(profiles, settings)
    duplicate_of, alike = np.full(count, -1, dtype=np.int64), np.full(count, np.nan)
    alive = np.flatnonzero([reason is None for reason in reasons])
    for row, (other, how_alike, reason) in _duplicates(stages, profiles, values, alive, settings.near_duplicate).items():
        reasons[row], duplicate_of[row], alike[row] = reason, other, how_alike
    alive = alive[[reasons[row] is None for row in alive.tolist()]]
    rows = alive[np.lexsort(profiles.content[alive].T[::-1])]
    classes = quality_classes(values[rows], sources, settings.quality_classes)
    looks_around = not strategy.needs.isdisjoint({Needs.SCARCITY, Needs.VECTORS})
    embeddings = None if settings.embeddings is None else Path(settings.embeddings)
    vectors = load_pool_vectors(stages, rows, embeddings) if looks_around else np.zeros((len(rows), 1), np.float32)
    near, similar, facts = np.zeros((len(rows), 0), np.int32), np.zeros((len(rows), 0), np.float32), dict[str, Any]()
    rare = np.full(len(rows), np.nan)
    if Needs.SCARCITY in strategy.needs:
        near, similar, facts = _search(vectors, settings, Shards(stages / NEIGHBOURS), progress)
        rare = scarcity(similar)
        facts["recall"] = _recalls(vectors, similar, rare, settings.neighbours)
    pool = Pool(_hashes(profiles, rows), values[rows], classes, profiles.length[rows], rare, vectors, profiles.difficulty[rows])
    order = strategy.order(pool, settings)
    wanted = int(len(rows) * settings.samples) if settings.samples <= 1 else int(settings.samples)
    named = [groups[profiles.files[row]] for row in rows.tolist()]
    weights = None if settings.weights is None else parse_weights(settings.weights, sorted(set(groups.values())))
    taken = take(order, wanted, named, weights)
    for row in rows[~taken].tolist():
        reasons[row] = Dropped.NOT_CHOSEN
    rank = np.full(count, -1, dtype=np.int64)
    rank[rows[order]] = np.arange(len(order))
    return Choice(
        reasons,
        rows[order[taken[order]]],
        rank,
        _spread(rows, classes, count, -1),
        _spread(rows, rare, count, np.nan),
        _spread(rows, np.where(near >= 0, rows[near], -1).astype(np.int32) if near.size else near, count, -1),
        _spread(rows, similar, count, np.nan),
        duplicate_of,
        alike,
        facts,
    )


def _banded(profiles: Profiles, settings: CurateSettings) -> Float64:
    """The quality values; ``gce-band`` is 1 where the mean GCE lies inside the band of the pool's quantiles, and 0 outside."""
    names = quality_names(settings.quality)
    values = profiles.quality.copy()
    if "gce-band" in names:
        column = values[:, names.index("gce-band")]
        known = np.isfinite(column)
        if known.any():
            low, high = np.quantile(column[known], [settings.gce_low, settings.gce_high])
            column[known] = (column[known] >= low) & (column[known] <= high)
    return values


def _duplicates(
    stages: Path, profiles: Profiles, values: Float64, alive: Int64, threshold: float
) -> dict[int, tuple[int, float, Dropped]]:
    """Per duplicate the row that stays, their similarity and the reason. Better quality stays; of equals the smaller hash."""
    ids = np.empty(len(alive), dtype=np.int64)  # their places in the order of ids
    ids[sorted(range(len(alive)), key=[profiles.ids[row] for row in alive.tolist()].__getitem__)] = np.arange(len(alive))
    quality = np.where(np.isnan(values[alive]), -np.inf, values[alive])
    content = profiles.content[alive]
    order = alive[np.lexsort([ids, content[:, 1], content[:, 0], *(-quality.T[::-1])])]
    found: dict[int, tuple[int, float, Dropped]] = {}
    first: dict[bytes, int] = {}
    for row, key in zip(order.tolist(), _hashes(profiles, order), strict=True):
        if (other := first.setdefault(key, row)) != row:
            found[row] = other, 1.0, Dropped.DUPLICATE
    unique = np.array([row for row in order.tolist() if row not in found], dtype=np.int64)
    # by place in `unique`, which is in the order of preference
    near = near_duplicates(
        np.arange(len(unique)),
        profiles.bands[unique],
        lambda places: [shingle_hashes(text) for text in load_texts(stages, unique[list(places)])],
        threshold,
    )
    for place, (other, alike) in near.items():
        found[int(unique[place])] = int(unique[other]), round(alike, 4), Dropped.NEAR_DUPLICATE
    return found


def _search(
    vectors: Float32, settings: CurateSettings, shards: Shards, progress: Progress | None
) -> tuple[Int32, Float32, dict[str, Any]]:
    """[N, k] neighbours and similarities, shard by shard, of which those that are there are not made again.

    Inverted lists never find a neighbour that is too near, so that a row can only look too scarce. The scarcest are therefore
    compared with everything afterwards: then all that are truly scarcer than the others seem are among them, in their true order.
    """
    count, k = len(vectors), settings.neighbours
    exact = count <= settings.exact_up_to
    facts: dict[str, Any] = {"search": "exact" if exact else "inverted lists", "k": k, "rows": count}
    made_from = {"name": NEIGHBOURS, "version": 2, **facts}
    digest = hashlib.sha256(vectors.tobytes()).hexdigest()
    near = np.full((count, k), -1, dtype=np.int32)
    similar = np.full((count, k), np.nan, dtype=np.float32)
    finished = number = 0

    def run(asked: Int64, compare: Callable[[Int64], tuple[Int32, Float32]]) -> None:
        nonlocal finished, number
        for begin in range(0, len(asked), _SHARD_QUERIES):
            queries = asked[begin : begin + _SHARD_QUERIES]
            key = shard_key(made_from, [digest, hashlib.sha256(queries.tobytes()).hexdigest()])
            if shards.find(number, key) is None:
                found, alike = compare(queries)
                table = pa.table({"neighbours": pa.array(list(found)), "similarities": pa.array(list(alike))})
                shards.write(number, key, {part_name(number): parquet_bytes(table)}, Counts(len(queries), len(queries)))
            table = read_table(shards.directory / part_name(number))
            near[queries] = table["neighbours"].combine_chunks().flatten().to_numpy().reshape(-1, k)
            similar[queries] = table["similarities"].combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(-1, k)
            number += 1
            finished += len(queries)
            if progress is not None:
                progress(finished, count)

    if exact:
        run(np.arange(count), lambda queries: exact_neighbours(vectors, queries, k))
    else:
        lists = inverted_lists(vectors)
        run(np.concatenate(lists.members), lambda queries: listed_neighbours(vectors, lists, queries, k))
        scarcest = np.argsort(-scarcity(similar), kind="stable")[: max(1, int(_REFINED * count))]
        finished = count - len(scarcest)
        run(np.sort(scarcest), lambda queries: exact_neighbours(vectors, queries, k))
        facts["refined"] = len(scarcest)
    shards.prune(number)
    return near, similar, facts


def _recalls(vectors: Float32, similar: Float32, rare: Float64, k: int) -> dict[str, float]:
    """Recall of the neighbours of evenly spread rows, and of the scarcest."""
    count = min(_RECALL_QUERIES, len(vectors))
    spread = np.linspace(0, len(vectors) - 1, count).astype(np.int64) if count else np.zeros(0, np.int64)
    scarcest = np.sort(np.argsort(-rare, kind="stable")[:count])
    return {name: round(recall(vectors, q, similar[q], k), 4) for name, q in (("all", spread), ("scarcest", scarcest))}


def _hashes(profiles: Profiles, rows: Int64) -> tuple[bytes, ...]:
    joined = profiles.content[rows].astype(">u8").tobytes()
    return tuple(joined[16 * n : 16 * n + 16] for n in range(len(rows)))


def _spread(rows: Int64, values: Any, count: int, absent: float) -> Any:
    """Values of some rows as those of all."""
    everywhere = np.full((count, *values.shape[1:]), absent, dtype=values.dtype)
    everywhere[rows] = values
    return everywhere

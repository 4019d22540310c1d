"""What the stages of curation found out about each row of a pool, as columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from codeblock.curate.duplicates import BANDS
from codeblock.curate.embed import load_vectors, unit_length
from codeblock.curate.text import whole_text
from codeblock.errors import StoreError
from codeblock.store import Shards, part_name, read_table
from codeblock.types import Bool, Float32, Float64, Int64

POOL, CONTENT, QUALITY, DIFFICULTY, EMBEDDING = "pool", "content", "quality", "difficulty", "embedding"
"""Directories of the stages below ``stages/``."""


@dataclass(frozen=True, slots=True)
class Profiles:
    """The rows of a pool in the order of reading. All attributes are parallel, of length N.

    Attributes:
        ids: unique among the rows without a reason.
        reasons: why an earlier stage dropped the row, or None.
        files: name of its input file.
        content: [N, 2] the content hash as two big-endian numbers; 0 where a row was dropped before.
        bands: [N, BANDS] of its MinHash signature.
        length: bytes of its responses.
        quality: [N, S] values under S sources; NaN is missing.
        difficulty: [N] instruction-following difficulty; NaN where unknown.
    """

    ids: list[str]
    reasons: list[str | None]
    files: list[str]
    content: npt.NDArray[np.uint64]
    bands: npt.NDArray[np.uint64]
    length: Int64
    quality: Float64
    difficulty: Float64

    def alive(self) -> Bool:
        """[N] True for the rows without a reason."""
        return np.array([reason is None for reason in self.reasons], dtype=np.bool_)


def load_profiles(stages: Path, sources: Sequence[str], used: Sequence[str]) -> Profiles:
    """Read the columns of all stages.

    Args:
        stages: the directory of the stages.
        sources: the quality sources; ``gce-band`` is read from the stage `DIFFICULTY` as the mean GCE.
        used: the stages that belong to this choice; others may be left from an earlier one.

    Raises:
        StoreError: a stage is absent or damaged.
    """
    ids, files = list[str](), list[str]()
    reasons = list[str | None]()
    content, bands = list[np.ndarray](), list[np.ndarray]()
    length, quality, difficulty = list[np.ndarray](), list[np.ndarray](), list[np.ndarray]()
    for index in range(count_shards(stages)):
        pool = read_table(stages / POOL / part_name(index), ["id", "reason", "source"])
        found = read_table(stages / CONTENT / part_name(index), ["reason", "content", "bands", "response_bytes"])
        measured = read_table(stages / QUALITY / part_name(index), ["reason", "quality"])
        given = [pool["reason"], found["reason"], measured["reason"]]
        values = _values(measured["quality"], len(sources))
        ifd = np.full(pool.num_rows, np.nan)
        if DIFFICULTY in used:
            model = read_table(stages / DIFFICULTY / part_name(index), ["reason", "ifd", "mean_gce"])
            given.append(model["reason"])
            ifd = _floats(model["ifd"])
            if "gce-band" in sources:
                values[:, sources.index("gce-band")] = _floats(model["mean_gce"])
        if EMBEDDING in used:
            given.append(read_table(stages / EMBEDDING / part_name(index), ["reason"])["reason"])
        columns = [column.to_pylist() for column in given]
        reasons += [next((r for r in row if r is not None), None) for row in zip(*columns, strict=True)]
        ids += pool["id"].to_pylist()
        files += pool["source"].to_pylist()
        content.append(_numbers(found["content"], 2, ">u8"))
        bands.append(_numbers(found["bands"], BANDS, "<u8"))
        length.append(found["response_bytes"].fill_null(0).to_numpy())
        quality.append(values)
        difficulty.append(ifd)
    return Profiles(
        ids,
        reasons,
        files,
        np.concatenate(content),
        np.concatenate(bands),
        np.concatenate(length),
        np.concatenate(quality),
        np.concatenate(difficulty),
    )


def count_shards(stages: Path) -> int:
    """Number of shards of the pool, each of which every stage has too."""
    count = len(Shards(stages / POOL).all())
    if not count:
        raise StoreError(f"{stages / POOL} holds no finished shards: run the command that made it again")
    return count


def take_rows(stages: Path, stage: str, columns: Sequence[str] | None, rows: Int64) -> Iterator[tuple[slice, pa.Table]]:
    """Read some rows of a stage, shard by shard.

    Args:
        stages: the directory of the stages.
        stage: one of them.
        columns: to read; None for all.
        rows: [R] numbers of the rows in the pool, ascending.

    Yields:
        Where some of the rows stand in `rows`, and their columns.
    """
    first = 0
    for index, done in enumerate(Shards(stages / POOL).all()):
        size = done.counts.kept + sum(done.counts.rejected.values())
        begin, end = np.searchsorted(rows, [first, first + size])
        if begin < end:
            yield (
                slice(begin, end),
                read_table(stages / stage / part_name(index), columns).take(pa.array(rows[begin:end] - first)),
            )
        first += size


def load_texts(stages: Path, rows: Int64) -> list[str]:
    """The whole texts of some rows, given by number in any order."""
    place = np.argsort(rows, kind="stable")
    texts = [""] * len(rows)
    for where, table in take_rows(stages, POOL, ["messages"], rows[place]):
        for number, messages in zip(place[where].tolist(), table["messages"].to_pylist(), strict=True):
            texts[number] = whole_text(messages)
    return texts


def load_pool_vectors(stages: Path, rows: Int64, embeddings: Path | None) -> Float32:
    """[len(rows), D] vectors of length 1 of some rows, given by number in any order.

    Args:
        stages: the directory of the stages.
        rows: numbers of the rows.
        embeddings: a file of vectors to read in place of the stage `EMBEDDING`.
    """
    if embeddings is not None:
        total = sum(done.counts.kept + sum(done.counts.rejected.values()) for done in Shards(stages / POOL).all())
        return unit_length(np.asarray(load_vectors(embeddings, total)[rows], dtype=np.float32))
    place = np.argsort(rows, kind="stable")
    vectors = np.zeros((len(rows), 0), dtype=np.float32)
    for where, table in take_rows(stages, EMBEDDING, ["vector"], rows[place]):
        here = np.frombuffer(b"".join(table["vector"].to_pylist()), "<f4").reshape(table.num_rows, -1)
        if not vectors.shape[1]:
            vectors = np.empty((len(rows), here.shape[1]), dtype=np.float32)
        vectors[place[where]] = here
    return vectors


def _numbers(column: pa.ChunkedArray, width: int, dtype: str) -> npt.NDArray[np.uint64]:
    """[N, width] the numbers in a column of bytes; 0 for null."""
    empty = bytes(8 * width)
    joined = b"".join(empty if value is None else value for value in column.to_pylist())
    return np.frombuffer(joined, dtype).reshape(-1, width).astype(np.uint64)


def _floats(column: pa.ChunkedArray) -> Float64:
    return column.cast(pa.float64()).fill_null(float("nan")).to_numpy()


def _values(column: pa.ChunkedArray, width: int) -> Float64:
    """[N, width] the values of a list column; NaN for null."""
    missing = [None] * width
    rows = [missing if row is None else row for row in column.to_pylist()]
    return np.array(rows, dtype=np.float64).reshape(len(rows), width)

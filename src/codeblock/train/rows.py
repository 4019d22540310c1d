"""The rows of an artefact in memory, as a trainer takes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from codeblock.errors import DataError, StoreError
from codeblock.export.labels import IGNORED
from codeblock.schemas import list_values
from codeblock.select.sample import scored_samples
from codeblock.store import read_table
from codeblock.types import Float64, Int32, Int64

CUT_AWAY = "no_supervised_token_within_max_length"
NO_WEIGHT = "no_supervised_token_with_weight"


@dataclass(frozen=True, slots=True)
class Rows:
    """Training rows, one after another in flat arrays: 8 bytes per token, and 4 more with weights.

    Attributes:
        start: [R] first token of each row.
        end: [R] token after its last.
        input_ids: [T].
        labels: [T], -100 where no loss is wanted.
        weights: [T] of the tokens in the loss; None if they are equal.
        dropped: rows of the artefact that are not here, by reason.
        cut: rows that are here without their end.
    """

    start: Int64
    end: Int64
    input_ids: Int32
    labels: Int32
    weights: np.ndarray | None
    dropped: dict[str, int]
    cut: int

    def __len__(self) -> int:
        return len(self.start)

    def __getitem__(self, index: int) -> dict[str, Any]:
        part = slice(self.start[index], self.end[index])
        row = {"input_ids": self.input_ids[part], "labels": self.labels[part]}
        return row if self.weights is None else row | {"weights": self.weights[part]}


def load_rows(directory: Path, files: list[str], *, max_length: int | None, by_priority: bool) -> Rows:
    """Read an artefact's rows.

    Args:
        directory: of the artefact.
        files: its data files, in order.
        max_length: tokens; rows are cut there, and dropped if no supervised token is left.
        by_priority: weight each supervised token of a code item by the item's priority, divided by the mean over all such
            tokens; all others weigh 1.

    Raises:
        DataError: no row is left.
        StoreError: files are missing or damaged.
    """
    ids: list[Int32] = []
    labels: list[Int32] = []
    lengths: list[Int64] = []
    priorities: list[Float64] = []
    for name in files:
        with pq.ParquetFile(directory / name) as file:
            table = file.read(columns=["input_ids", "labels"])
        (offsets, some_ids), (_, some_labels) = (list_values(c.combine_chunks()) for c in table.columns)
        if by_priority:
            priorities += _priorities(directory, Path(name).name, np.diff(offsets))
        ids.append(some_ids)
        labels.append(some_labels)
        lengths.append(np.diff(offsets).astype(np.int64))
    length = np.concatenate([np.zeros(0, np.int64), *lengths])
    bounds = np.cumsum([0, *length])
    start, end = bounds[:-1], bounds[1:] if max_length is None else np.minimum(bounds[1:], bounds[:-1] + max_length)
    all_labels = np.concatenate([np.zeros(0, np.int32), *labels])
    supervised = all_labels != IGNORED
    dropped: Counter[str] = Counter()
    kept = _any(supervised, start, end)
    dropped[CUT_AWAY] = int(np.count_nonzero(~kept))
    weights = None
    if by_priority:
        raw = np.concatenate(priorities)
        known = supervised & ~np.isnan(raw)
        mean = float(raw[known].mean()) if known.any() else 1.0
        weights = np.where(np.isnan(raw), 1.0, raw / mean).astype(np.float32)
        heavy = _any(supervised & (weights > 0), start, end)
        dropped[NO_WEIGHT] = int(np.count_nonzero(kept & ~heavy))
        kept &= heavy
    if not kept.any():
        reasons = ", ".join(f"{count} {reason}" for reason, count in dropped.items() if count) or "the artefact is empty"
        raise DataError(f"{directory} has no row to train on: {reasons}")
    return Rows(
        start[kept],
        end[kept],
        np.concatenate(ids),
        all_labels,
        weights,
        {reason: count for reason, count in dropped.items() if count},
        int(np.count_nonzero(kept & (end - start < length))),
    )


def _any(flags: np.ndarray, start: Int64, end: Int64) -> np.ndarray:
    """[R] whether any of the flags of each row is set."""
    total = np.concatenate([[0], np.cumsum(flags)])
    return total[end] > total[start]


def _priorities(directory: Path, shard: str, lengths: np.ndarray) -> Iterator[Float64]:
    """Per kept row of a shard, the priority of each token's item; NaN outside code items."""
    number = shard.removeprefix("train-")
    stages = [directory / "stages" / stage / f"part-{number}" for stage in ("samples", "analysis", "scores")]
    if absent := [path for path in stages if not path.is_file()]:
        raise StoreError(f"{absent[0]} is missing: weights by priority need the stages/ of the run that made the artefact")
    notes = read_table(directory / "annotations" / shard, ["reason", "items"]).to_pylist()
    kept = iter(lengths.tolist())
    for sample, note in zip(scored_samples(*(read_table(path) for path in stages)), notes, strict=True):
        if sample is None or note["reason"] is not None:
            continue
        item_priority = np.array([item["priority"] for item in note["items"]] + [np.nan])
        item_priority[:-1][~sample.is_code] = np.nan
        owner = np.where((sample.owner >= 0) & (sample.owner < len(sample.kind)), sample.owner, len(sample.kind))
        row = np.full(next(kept), np.nan)
        row[sample.position] = item_priority[owner]
        yield row

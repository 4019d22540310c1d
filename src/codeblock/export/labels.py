"""The trained labels of an artefact, reduced to one hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from codeblock.schemas import list_values

IGNORED = -100
"""The label of a token that carries no loss, the convention of torch and of every trainer."""


def labels_hash(columns: Iterable[pa.ListArray]) -> str:
    """Hash which tokens are trained, and on what.

    The sha256 of one triple (row, position, label) per trained token, as little-endian int64, in order. Rows count over all
    columns, so the hash does not depend on how rows are spread over shards.

    Args:
        columns: `labels` columns (lists of int32), shard after shard, in any chunks.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    first_row = 0
    for column in columns:
        offsets, values = list_values(column)
        trained = np.flatnonzero(values != IGNORED)
        row = np.searchsorted(offsets, trained, side="right") - 1
        triples = np.stack([first_row + row, trained - offsets[row], values[trained]], axis=1)
        digest.update(triples.astype("<i8").tobytes())
        first_row += len(column)
    return digest.hexdigest()


def label_columns(paths: Iterable[Path]) -> Iterator[pa.ListArray]:
    """Stream the `labels` of Parquet shards, in the order of `paths`, for `labels_hash`."""
    for path in paths:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(1024, columns=["labels"]):
                yield batch.column(0)

"""Whether an artefact's files, rows and labels are those of which its manifest and annotations speak."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from codeblock.errors import StoreError
from codeblock.export.labels import IGNORED, label_columns, labels_hash
from codeblock.export.tables import TRAIN, ratio
from codeblock.schemas import list_values
from codeblock.store import read_table
from codeblock.types import Bool, Int32

SHOWN = 5
"""Differences that are told in words."""

_COUNTED = ("rows", "supervised_tokens", "end_of_turn_rows", "response_tokens", "pool_response_tokens")
_NEEDED = ("files", "labels_sha256", "max_length", "supervised_ratio", "supervised_ratio_pool", *_COUNTED)  # of a manifest
_CHUNK = 1024  # rows read at a time


@dataclass(frozen=True, slots=True)
class Row:
    """One sequence, and the labels that its tokens are trained on."""

    input_ids: Int32
    labels: Int32


@dataclass(frozen=True, slots=True)
class Integrity:
    """What the files of an artefact hold.

    Attributes:
        rows: sequences in the data.
        trained_tokens: tokens that carry loss.
        masked_tokens: tokens that do not.
        faults: the first few differences from the manifest and the annotations, in words.
        fault_count: how many there are in all.
        loadable: False where a fault keeps trainers from loading it.
    """

    rows: int
    trained_tokens: int
    masked_tokens: int
    faults: tuple[str, ...]
    fault_count: int
    loadable: bool


def read_manifest(directory: Path) -> dict[str, Any]:
    """The manifest of a finished artefact.

    Raises:
        StoreError: there is none.
    """
    path = directory / "manifest.json"
    try:
        manifest = json.loads(path.read_text())
        if not (isinstance(manifest, dict) and manifest.keys() >= set(_NEEDED)):
            raise StoreError(f"{path} is not the manifest of an artefact: it must have {', '.join(_NEEDED)}")
        return manifest
    except FileNotFoundError:
        raise StoreError(
            f"{directory} is no finished artefact: manifest.json is missing; run `codeblock select` to its end"
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise StoreError(f"{path} is not JSON: {error}") from None


def _shards(directory: Path, manifest: Mapping[str, Any]) -> list[Path]:
    """The data files that are there, in the order in which the label hash takes them."""
    return [path for name in manifest["files"] if name.startswith("data/") and (path := directory / name).is_file()]


def _check_shards(directory: Path, manifest: Mapping[str, Any]) -> list[str]:
    """Why the data cannot be loaded as an artefact's: damage, other columns, or no card that says which files are data."""
    faults: list[str] = []
    if not (directory / "README.md").is_file():
        faults.append("README.md is missing, whose header tells `load_dataset` which files are data")
    for path in _shards(directory, manifest):
        name = path.relative_to(directory)
        try:
            with pq.ParquetFile(path) as file:
                columns = dict(zip(file.schema_arrow.names, file.schema_arrow.types, strict=True))
                if columns != dict(zip(TRAIN.names, TRAIN.types, strict=True)):
                    shown = ", ".join(f"{column} {kind}" for column, kind in columns.items())
                    faults.append(f"{name} has the columns {shown}; it must have {', '.join(TRAIN.names)} as lists and no others")
                    continue
                groups = range(file.num_row_groups)
                if any(file.metadata.row_group(group).num_rows == 0 for group in groups):
                    faults.append(f"{name} has a row group without rows, which `datasets` cannot load")
                for batch in file.iter_batches(_CHUNK):
                    offsets, (_, mask, _) = zip(*map(list_values, batch.columns), strict=True)
                    if not (np.array_equal(offsets[0], offsets[1]) and np.array_equal(offsets[0], offsets[2])):
                        faults.append(f"{name} has rows whose columns differ in length")
                    elif not np.all(mask == 1):
                        faults.append(f"{name} has rows whose attention_mask is not 1 throughout")
        except (pa.ArrowException, OSError) as error:
            faults.append(f"{name} is not readable Parquet: {error}")
    return faults


def check_files(directory: Path, manifest: Mapping[str, Any]) -> Integrity:
    """Compare files, rows and labels with the manifest and the annotations, and each row with what METHOD J promises."""
    files: Mapping[str, Mapping[str, Any]] = manifest["files"]
    faults = _Faults()
    broken = {name: fault for name, facts in files.items() if (fault := _check_file(directory / name, name, facts))}
    present = (path.relative_to(directory).as_posix() for path in sorted(directory.glob("data/*.parquet")))
    damage = _check_shards(directory, manifest)
    for fault in (*broken.values(), *(f"{name} is not in the manifest" for name in present if name not in files), *damage):
        faults.add(fault)
    absent = any(name.startswith("data/") and not (directory / name).is_file() for name in files)
    if damage or absent:
        return Integrity(0, 0, 0, tuple(faults.shown), faults.count, loadable=False)
    shards = _shards(directory, manifest)
    annotated = not any(name.startswith("annotations/") for name in broken)
    found: Counter[str] = Counter(dict.fromkeys(_COUNTED if annotated else ("rows",), 0))
    trained = tokens = longest = 0
    for path in shards:
        name = path.relative_to(directory)
        notes = _read_notes(directory / "annotations" / path.name, found) if annotated else repeat(None)
        for number, row in enumerate(_read_shard(path)):
            note = next(notes, None)
            if annotated and note is None:
                faults.add(f"{name} row {number} has no annotations")
            for fault in (*_check_row(row), *(_check_note(row, note) if note else ())):
                faults.add(f"{name} row {number}: {fault}")
            found["rows"] += 1
            tokens += len(row.input_ids)
            longest = max(longest, len(row.input_ids))
            trained += int(np.count_nonzero(row.labels != IGNORED))
        if annotated and (more := sum(1 for _ in notes)):
            faults.add(f"{name} lacks {more} rows that the annotations keep")
    total: dict[str, Any] = {**found, "max_length": longest, "labels_sha256": labels_hash(label_columns(shards))}
    if annotated:
        total["supervised_ratio"] = ratio(found["supervised_tokens"], found["response_tokens"])
        total["supervised_ratio_pool"] = ratio(found["supervised_tokens"], found["pool_response_tokens"])
    for key, value in total.items():
        if value != manifest[key]:
            faults.add(f"{key} of the data is {value}, the manifest says {manifest[key]}")
    return Integrity(found["rows"], trained, tokens - trained, tuple(faults.shown), faults.count, loadable=True)


@dataclass(frozen=True, slots=True)
class _Note:
    """What the annotations say of one kept row.

    Attributes:
        position: [R] of its response tokens.
        supervised: [R] which of them carry loss.
        end_of_turn: whether tokens that end a turn do, too.
    """

    position: Int32
    supervised: Bool
    end_of_turn: bool


class _Faults:
    """The number of faults, and the first few in words."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.count = 0

    def add(self, fault: str) -> None:
        self.count += 1
        if len(self.shown) < SHOWN:
            self.shown.append(fault)


def _read_notes(path: Path, total: Counter[str]) -> Iterator[_Note]:
    """The notes of the kept rows of one shard; what they say of all rows is added to `total`."""
    table = read_table(path, ["reason", "position", "supervised", "end_of_turn"])
    reasons, ends = table.column("reason").to_pylist(), table.column("end_of_turn").to_pylist()
    offsets, position = list_values(table.column("position").combine_chunks())
    bounds, supervised = list_values(table.column("supervised").combine_chunks())
    for row, reason in enumerate(reasons):
        mine = supervised[bounds[row] : bounds[row + 1]]
        total["pool_response_tokens"] += len(mine)
        if reason is None:
            total["response_tokens"] += len(mine)
            total["supervised_tokens"] += int(mine.sum())
            total["end_of_turn_rows"] += bool(ends[row])
            yield _Note(position[offsets[row] : offsets[row + 1]], mine, bool(ends[row]))


def _check_note(row: Row, note: _Note) -> list[str]:
    """Faults of one row that its annotations show."""
    if len(note.position) and note.position[-1] >= len(row.labels):
        return [f"it has {len(row.labels)} tokens, but its annotations speak of number {note.position[-1]}"]
    said = np.zeros(len(row.labels), dtype=np.bool_)
    said[note.position[note.supervised]] = True
    response = np.zeros(len(row.labels), dtype=np.bool_)
    response[note.position] = True
    other = (row.labels != IGNORED) != said
    other[:1] = False  # nothing predicts the first token
    if note.end_of_turn:  # where turns end, the annotations do not say
        other &= response | said
    at = np.flatnonzero(other)
    return [f"{len(at)} labels are not what its annotations say, the first at position {at[0]}"] if len(at) else []


def _check_file(path: Path, name: str, facts: Mapping[str, Any]) -> str | None:
    if not path.is_file():
        return f"{name} is missing"
    if (size := path.stat().st_size) != facts["size"]:
        return f"{name} has {size} bytes, the manifest says {facts['size']}"
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != facts["sha256"]:
            return f"{name} is not the file that was written: its sha256 differs from the manifest's"
    return None


def _check_row(row: Row) -> list[str]:
    """Faults of one row: its labels are its own tokens, at least one, never the first."""
    faults: list[str] = []
    trained = row.labels != IGNORED
    if not trained.any():
        faults.append("no token is trained")
    elif trained[0]:
        faults.append("the first token is trained, but nothing precedes it")
    changed = np.flatnonzero(trained & (row.labels != row.input_ids))
    if len(changed):
        at = int(changed[0])
        faults.append(f"position {at} is trained on {row.labels[at]}, but its token is {row.input_ids[at]}")
    return faults


def read_rows(directory: Path, manifest: Mapping[str, Any]) -> Iterator[tuple[str, Row]]:
    """Stream the rows, each with its place in words."""
    for path in _shards(directory, manifest):
        for number, row in enumerate(_read_shard(path)):
            yield f"{path.relative_to(directory)} row {number}", row


def _read_shard(path: Path) -> Iterator[Row]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_CHUNK, columns=["input_ids", "labels"]):
            id_offsets, ids = list_values(batch.column("input_ids"))
            label_offsets, labels = list_values(batch.column("labels"))
            for i in range(batch.num_rows):
                yield Row(ids[id_offsets[i] : id_offsets[i + 1]], labels[label_offsets[i] : label_offsets[i + 1]])

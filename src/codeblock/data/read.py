"""Input files to sample shards, with every row accounted for."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import time
from array import array
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import pyarrow as pa

from codeblock import schemas
from codeblock.config import ReadSettings
from codeblock.data.formats import Format, Reject, RowRejected, detect_format, find_format, row_id, to_sample
from codeblock.data.rows import RawRow, read_rows
from codeblock.errors import DataError, UsageError
from codeblock.store import (
    Counts,
    Done,
    Json,
    Shards,
    StageReport,
    parquet_bytes,
    part_name,
    quarantine_name,
    read_table,
    shard_key,
    summarize,
)

_VERSION = 1  # raise when the same files are read differently
_DETECT_ROWS = 100
_MIN_QUARANTINED = 10  # fewer never stop a run, however small their source is
_EARLY_ROWS = 10_000  # rows after which a hopeless run is stopped before its end


@dataclass(frozen=True, slots=True)
class InputFile:
    """An input file as the manifest names it.

    Attributes:
        name: unique among the inputs: the file's name, with as much of its directory as that needs.
        size: bytes.
        sha256: of its content, in hexadecimal.
    """

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ReadReport:
    """What was read: the counts of the stage, and the files it read."""

    stage: StageReport
    inputs: tuple[InputFile, ...]


def read(
    paths: Sequence[Path], settings: ReadSettings, out: Path, *, progress: Callable[[int, int | None], None] | None = None
) -> ReadReport:
    """Read `paths` in order into sample shards (`schemas.SAMPLES`) below `out`, with the unreadable rows beside them.

    Every `settings.shard_rows` rows of the input, readable or not, make one shard: ``part-00000.parquet`` with the samples and
    the rejected rows, ``quarantine-00000.jsonl`` with the rest where there is any. Complete shards are not read again.

    Args:
        progress: called after each shard with the rows read so far, and None as their total is unknown.

    Raises:
        DataError: a file cannot be used at all; no row is left; or more than `settings.max_quarantined` of the rows (and more
            than 10) are unreadable.
        UnknownFormatError: a file's fields fit no known shape.
        UsageError: a path is given twice, or the format does not exist.
        StoreError: the shards cannot be written.
    """
    started = time.monotonic()
    check_inputs(paths, settings)
    names = _unique_names(paths)
    inputs = describe_inputs(paths)
    fingerprint = {"name": "samples", "version": _VERSION, "settings": settings.model_dump(exclude={"max_quarantined"})}
    key = shard_key(fingerprint, [part for file in inputs for part in (file.name, file.sha256)])
    shards = Shards(out)
    seen = _Seen()
    done: list[Done] = []
    made = rows_read = 0
    quarantined: Counter[str] = Counter()
    stream: Iterator[tuple[int, RawRow, Format]] | None = None
    following: tuple[int, RawRow, Format] | None = None
    source, row = 0, 0
    while True:
        index = len(done)
        shard = shards.find(index, f"{key}-{index}")
        if shard is not None:
            _remember(seen, read_table(out / part_name(index), ["id", "reason"]))
            stream = following = None
        else:
            if stream is None:
                stream = _stream(paths, names, settings, source, row, index * settings.shard_rows)
                following = next(stream, None)
            rows = [] if following is None else [following, *itertools.islice(stream, settings.shard_rows - 1)]
            following = next(stream, None)
            shard = _write(shards, index, f"{key}-{index}", rows, names, seen, following)
            made += 1
        done.append(shard)
        rows_read += shard.counts.rows
        quarantined.update(shard.counts.quarantined)
        if progress is not None:
            progress(rows_read, None)
        if rows_read >= _EARLY_ROWS:
            _check_quarantined(rows_read, quarantined, settings.max_quarantined)
        if "row" not in shard.note:
            break
        source, row = int(str(shard.note["source"])), int(str(shard.note["row"]))
    if rows_read == 0:
        raise DataError(f"no rows in {', '.join(names)}")
    _check_quarantined(rows_read, quarantined, settings.max_quarantined)
    report = summarize("samples", done, made, time.monotonic() - started)
    if report.kept == 0:
        raise DataError(f"none of the {report.rows} rows can be used: {_top(report.quarantined + report.rejected)}; see {out}")
    shards.prune(len(done))
    return ReadReport(report, inputs)


def describe_inputs(paths: Sequence[Path]) -> tuple[InputFile, ...]:
    """Name, size and hash of input files.

    Raises:
        DataError: a file cannot be read.
        UsageError: a path is given twice.
    """
    return tuple(_describe(path, name) for path, name in zip(paths, _unique_names(paths), strict=True))


def check_inputs(paths: Sequence[Path], settings: ReadSettings) -> None:
    """Find what is wrong with a call of `read`, without reading.

    Raises:
        DataError: a file cannot be opened.
        UsageError: a path is given twice, or the format does not exist.
    """
    if settings.format is not None:
        find_format(settings.format)
    _unique_names(paths)
    for path in paths:
        with _open(path):
            pass


def _stream(
    paths: Sequence[Path], names: Sequence[str], settings: ReadSettings, source: int, row: int, before: int
) -> Iterator[tuple[int, RawRow, Format]]:
    """Rows from `row` of file number `source` on, up to the limit; `before` rows came earlier."""
    left = None if settings.limit is None else settings.limit - before
    rows = _stream_all(paths, names, settings, source, row)
    yield from rows if left is None else itertools.islice(rows, max(0, left))


def _stream_all(
    paths: Sequence[Path], names: Sequence[str], settings: ReadSettings, source: int, row: int
) -> Iterator[tuple[int, RawRow, Format]]:
    for number in range(source, len(paths)):
        cap = settings.max_line_bytes
        form = _format_of(paths[number], names[number], settings)
        for raw in read_rows(paths[number], start=row if number == source else 0, max_line_bytes=cap):
            yield number, raw, form


def _format_of(path: Path, name: str, settings: ReadSettings) -> Format:
    if settings.format is not None:
        return find_format(settings.format)
    readable = (raw.value for raw in read_rows(path, max_line_bytes=settings.max_line_bytes) if raw.value is not None)
    first = list(itertools.islice(readable, _DETECT_ROWS))
    # a file without a readable row has no shape, and none of its rows asks for one
    return find_format(detect_format(first, name) if first else "messages")


def _write(
    shards: Shards,
    index: int,
    key: str,
    rows: Sequence[tuple[int, RawRow, Format]],
    names: Sequence[str],
    seen: _Seen,
    following: tuple[int, RawRow, Format] | None,
) -> Done:
    """Map the rows of one shard and write it."""
    table: list[dict[str, Any]] = []
    quarantine: list[str] = []
    rejected: Counter[str] = Counter()
    quarantined: Counter[str] = Counter()
    for source, raw, form in rows:
        if raw.value is None:
            quarantined[str(raw.reason)] += 1
            quarantine.append(_quarantine_line(raw, names[source]))
            continue
        mapped = _map(raw, raw.value, form, names[source], seen)
        if mapped["reason"] is not None:
            rejected[mapped["reason"]] += 1
        table.append(mapped)
    files = {part_name(index): parquet_bytes(pa.Table.from_pylist(table, schema=schemas.SAMPLES))}
    if quarantine:
        files[quarantine_name(index)] = "".join(quarantine).encode()
    kept = len(table) - sum(rejected.values())
    note: dict[str, Json] = {} if following is None else {"source": following[0], "row": following[1].row}
    return shards.write(index, key, files, Counts(len(rows), kept, dict(rejected), dict(quarantined)), note)


def _map(raw: RawRow, value: dict[str, Any], form: Format, name: str, seen: _Seen) -> dict[str, Any]:
    """The `SAMPLES` row. A rejected row keeps its place in the source, so that it can be found there."""
    try:
        sample = to_sample(value, form, name, raw.row)
        if not seen.add(sample.id):
            raise RowRejected(Reject.DUPLICATE_ID)
    except RowRejected as rejected:
        identifier, _ = row_id(value, name, raw.row)
        return {"id": identifier, "reason": rejected.reason.value, "source": name, "row": raw.row, "offset": raw.offset}
    return {**schemas.sample_to_row(sample), "reason": None, "offset": raw.offset}


def _quarantine_line(raw: RawRow, name: str) -> str:
    record = asdict(raw) | {"source": name, "head": base64.b64encode(raw.head).decode()}
    fields = ("source", "row", "line", "offset", "reason", "detail", "head")
    return json.dumps({field: record[field] for field in fields}, ensure_ascii=False) + "\n"


def _remember(seen: _Seen, table: pa.Table) -> None:
    """Take note of the ids that a finished shard kept."""
    for identifier, reason in zip(table["id"].to_pylist(), table["reason"].to_pylist(), strict=True):
        if reason is None:
            seen.add(identifier)


def _check_quarantined(rows: int, quarantined: Counter[str], limit: float) -> None:
    count = quarantined.total()
    if count > _MIN_QUARANTINED and count > limit * rows:
        raise DataError(
            f"{count} of {rows} rows ({count / rows:.1%}) cannot be read, more than the {limit:.1%} allowed by "
            f"max_quarantined: {_top(quarantined)}"
        )


def _top(reasons: Counter[str]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in reasons.most_common(5))


def _unique_names(paths: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths that tell them apart."""
    parts = [path.resolve().parts for path in paths]
    for path, full in zip(paths, parts, strict=True):
        if parts.count(full) > 1:
            raise UsageError(f"{path} is given twice")
    names: list[str] = []
    for full in parts:
        length = next(n for n in range(1, len(full) + 1) if sum(other[-n:] == full[-n:] for other in parts) == 1)
        names.append("/".join(full[-length:]))
    return names


def _describe(path: Path, name: str) -> InputFile:
    with _open(path) as file:
        return InputFile(name, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


@contextmanager
def _open(path: Path) -> Generator[BufferedReader]:
    """An input file, with what the operating system may say of it in our words."""
    try:
        with path.open("rb") as file:
            yield file
    except FileNotFoundError:
        raise DataError(f"{path} does not exist") from None
    except IsADirectoryError:
        raise DataError(f"{path} is a directory: name the files in it") from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error


class _Seen:
    """A set of texts by 8-byte hash: an open-addressing table of 16 to 32 bytes per text, where a Python set takes 70.

    Two different texts among a million share a hash with probability 3e-8.
    """

    def __init__(self) -> None:
        self._table = array("Q", bytes(8 << 10))
        self._count = 0

    def add(self, text: str) -> bool:
        """Add a text; return whether it is new."""
        if self._count * 2 >= len(self._table):
            old = self._table
            self._table = array("Q", bytes(16 * len(old)))
            for value in old:
                if value:
                    self._table[self._slot(value)] = value
        value = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) or 1  # 0 marks a free slot
        slot = self._slot(value)
        if self._table[slot] == value:
            return False
        self._table[slot] = value
        self._count += 1
        return True

    def _slot(self, value: int) -> int:
        mask = len(self._table) - 1
        slot = value & mask
        while self._table[slot] not in (0, value):
            slot = (slot + 1) & mask
        return slot

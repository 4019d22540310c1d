"""Shards on disk that are complete or absent, whatever happens to the process.

A shard is one or more files and a *done file* that names them with size and sha256. Every file is written under a temporary name
in its own directory, flushed, fsynced and renamed, the done file last; so a shard counts only when its done file carries the
expected key and every file still matches. The key is a hash of what the shard was made from: same key, same bytes.
Nothing here depends on the clock, the host or an absolute path.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from codeblock.errors import DiskFullError, LockedError, StoreError

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

_FORMAT = 1  # raise when the same inputs and settings are written differently
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_TEMPORARY = re.compile(r"\.tmp-\d+$")
_SHARD_FILE = re.compile(r"-(\d{5,})\.(parquet|jsonl|json)$")


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the rows that entered a shard: ``rows = kept + rejected + quarantined``.

    Attributes:
        rows: rows that entered.
        kept: rows that left without a reason.
        rejected: rows dropped here, by reason; they stay in the table.
        quarantined: rows that could not be read, by reason; they stand in the quarantine file.
    """

    rows: int
    kept: int
    rejected: dict[str, int] = field(default_factory=dict[str, int])
    quarantined: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class StageReport:
    """What one stage did: `Counts` over all its shards, and how much of it was already there.

    Attributes:
        name: of the stage.
        rows: rows that entered; those that an earlier stage dropped are not among them.
        kept: rows without a reason after the stage.
        rejected: rows dropped by this stage, by reason.
        quarantined: rows that could not be read, by reason; only reading has any.
        shards_done: shards made now.
        shards_skipped: shards found complete.
        seconds: wall time.
    """

    name: str
    rows: int
    kept: int
    rejected: Counter[str]
    quarantined: Counter[str]
    shards_done: int
    shards_skipped: int
    seconds: float


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A finished file: its length in bytes, and the sha256 of its content in hexadecimal."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Done:
    """The content of a done file.

    Attributes:
        key: what the shard was made from (see `shard_key`).
        counts: what became of its rows.
        files: by path relative to the root, in the order of writing.
        note: what the stage itself needs to know about this shard later, e.g. where the next one begins.
    """

    key: str
    counts: Counts
    files: dict[str, StoredFile]
    note: dict[str, Json] = field(default_factory=dict[str, Json])


class Shards:
    """The shards of one stage.

    Args:
        directory: holds the done files ``done-00000.json`` and, by default, the shards' files.
        root: what the paths of the files are relative to; `directory` when absent. A stage whose shards lie in several
            directories, like ``data/`` and ``annotations/``, names their common parent.
    """

    def __init__(self, directory: Path, root: Path | None = None) -> None:
        self.directory = directory
        self.root = root or directory

    def find(self, index: int, key: str) -> Done | None:
        """Return the shard if it is complete, was made from `key`, and every byte is as written; else None."""
        try:
            done = _parse_done((self.directory / done_name(index)).read_bytes())
        except (OSError, ValueError):
            return None
        if done.key != key or not all(_matches(self.root / path, stored) for path, stored in done.files.items()):
            return None
        return done

    def check(self, index: int, key: str) -> None:
        """Raise `StoreError` unless the shard is complete (see `find`)."""
        if self.find(index, key) is None:
            raise StoreError(f"shard {index} of {self.directory} is damaged: run the command that made it again")

    def all(self) -> list[Done]:
        """Return the done files 0, 1, 2, ... up to the first that is absent, without reading the shards themselves.

        Raises:
            StoreError: a done file is damaged.
        """
        found: list[Done] = []
        while (path := self.directory / done_name(len(found))).exists():
            try:
                found.append(_parse_done(path.read_bytes()))
            except (OSError, ValueError) as error:
                raise StoreError(f"cannot read {path}: {error}; run the command that made it again") from error
        return found

    def write(
        self, index: int, key: str, files: Mapping[str, bytes], counts: Counts, note: dict[str, Json] | None = None
    ) -> Done:
        """Write one shard: `files` by path relative to the root, in this order, then its done file.

        Raises:
            StoreError: the counts do not add up, or the files cannot be written (`DiskFullError` without space).
        """
        check_counts(counts, f"shard {index} of {self.directory.name}")
        for path, content in files.items():
            write_bytes_atomic(self.root / path, content)
        stored = {path: StoredFile(len(content), hashlib.sha256(content).hexdigest()) for path, content in files.items()}
        done = Done(key, counts, stored, note or {})
        write_json_atomic(self.directory / done_name(index), asdict(done))
        return done

    def prune(self, count: int) -> None:
        """Remove what a run with other settings left behind: all shard files except those of the first `count` shards."""
        done = self.all()[:count]
        owned = {self.root / path for d in done for path in d.files} | {self.directory / done_name(i) for i in range(count)}
        for directory in {path.parent for path in owned}:
            for path in directory.iterdir():
                if path not in owned and _SHARD_FILE.search(path.name):
                    path.unlink()


def done_name(index: int) -> str:
    """Name of the done file of a shard."""
    return f"done-{index:05d}.json"


def part_name(index: int) -> str:
    """Name of the table of a stage's shard."""
    return f"part-{index:05d}.parquet"


def quarantine_name(index: int) -> str:
    """Name of the file with the unreadable rows of a shard."""
    return f"quarantine-{index:05d}.jsonl"


def shard_key(fingerprint: Mapping[str, Any], inputs: Sequence[str]) -> str:
    """Hash what a shard is made from: the stage's fingerprint and the sha256 of each of its inputs, in order.

    The versions of this store's format and of pyarrow, which decide the bytes of a Parquet file, are part of every key.
    """
    made_from = {"store": _FORMAT, "pyarrow": pa.__version__, "stage": fingerprint, "inputs": list(inputs)}
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()


def check_counts(counts: Counts, where: str) -> None:
    """Raise `StoreError` unless every row is accounted for."""
    accounted = counts.kept + sum(counts.rejected.values()) + sum(counts.quarantined.values())
    if accounted != counts.rows:
        raise StoreError(f"{where}: {counts.rows} rows entered, but {accounted} are accounted for: {counts}")


def summarize(name: str, done: Sequence[Done], shards_done: int, seconds: float) -> StageReport:
    """Add up the counts of a stage's shards and check the sum."""
    rejected: Counter[str] = Counter()
    quarantined: Counter[str] = Counter()
    for d in done:
        rejected.update(d.counts.rejected)
        quarantined.update(d.counts.quarantined)
    rows = sum(d.counts.rows for d in done)
    kept = sum(d.counts.kept for d in done)
    check_counts(Counts(rows, kept, rejected, quarantined), f"stage {name}")
    return StageReport(name, rows, kept, rejected, quarantined, shards_done, len(done) - shards_done, seconds)


@contextmanager
def run_lock(root: Path) -> Generator[None]:
    """Hold the run directory for this process, and sweep away the temporary files of a killed one.

    The lock belongs to the open file: the kernel releases it however the process ends.

    Raises:
        LockedError: another process holds it.
        StoreError: the directory cannot be created or written.
    """
    path = root / ".lock"
    try:
        _make_directory(root)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise _explain(error, path) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(f"another run is writing into {root}: wait until it ends, or choose another directory") from None
        except OSError as error:
            raise _explain(error, path) from error
        for stale in root.rglob("*.tmp-*"):
            if _TEMPORARY.search(stale.name):
                stale.unlink()
        yield
    finally:
        os.close(descriptor)


@contextmanager
def atomic_file(path: Path) -> Generator[BinaryIO]:
    """Open a temporary file that becomes `path` when the block ends without an exception, and vanishes otherwise.

    Raises:
        StoreError: it cannot be written (`DiskFullError` without space); `path` is as it was before.
    """
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    try:
        _make_directory(path.parent)
        try:
            with temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        _sync_directory(path.parent)
    except OSError as error:
        raise _explain(error, path) from error


@contextmanager
def scratch_file(directory: Path) -> Generator[BinaryIO]:
    """Open a file without a name in a directory, to write and read again; it is gone when the block ends, however it ends.

    Raises:
        StoreError: it cannot be written (`DiskFullError` without space).
    """
    try:
        with TemporaryFile(dir=directory) as file:
            yield cast(BinaryIO, file)
    except OSError as error:
        raise _explain(error, directory) from error


def write_bytes_atomic(path: Path, content: bytes) -> None:
    """Write a whole file, or nothing (see `atomic_file`)."""
    with atomic_file(path) as file:
        file.write(content)


def write_json_atomic(path: Path, value: Any) -> None:
    """Write readable JSON, or nothing (see `atomic_file`)."""
    write_bytes_atomic(path, json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n")


def parquet_bytes(table: pa.Table) -> bytes:
    """Return a table as a Parquet file: the same bytes for the same rows, however the table is chunked.

    No schema metadata is written: ``datasets`` >= 4 leaves feature types there that older versions cannot read.
    """
    schema = pa.schema([pa.field(f.name, f.type, f.nullable) for f in table.schema])
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, schema, compression="zstd", store_schema=False) as writer:
        if table.num_rows:  # `datasets` cannot load a row group without rows; a file without row groups it can
            writer.write_table(table.cast(schema).combine_chunks())
    return sink.getvalue().to_pybytes()


def read_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a Parquet file of this store.

    Raises:
        StoreError: it is absent or damaged.
    """
    try:
        return pq.ParquetFile(path).read(columns=list(columns) if columns else None)
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"cannot read {path}: {error}; run the command that made it again") from error


def _parse_done(content: bytes) -> Done:
    """The `Done` of a done file; ValueError when it is not one."""
    try:
        raw = json.loads(content)
        files = {path: StoredFile(**stored) for path, stored in raw["files"].items()}
        return Done(raw["key"], Counts(**raw["counts"]), files, raw["note"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a done file: {error!r}") from error


def _matches(path: Path, stored: StoredFile) -> bool:
    """Whether a file is there with the size and content that were written."""
    try:
        if path.stat().st_size != stored.size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == stored.sha256
    except OSError:
        return False


def _make_directory(path: Path) -> None:
    """Create a directory and its parents, and make their names durable."""
    missing = [p for p in (path, *path.parents) if not p.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for created in missing:
        _sync_directory(created.parent)


def _sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _explain(error: OSError, path: Path) -> StoreError:
    """What an operating system error means to the user."""
    if error.errno in _NO_SPACE:
        return DiskFullError(
            f"no space left to write {path}: make room and run the same command again; it goes on from the last finished shard"
        )
    return StoreError(f"cannot write {path}: {error.strerror}")

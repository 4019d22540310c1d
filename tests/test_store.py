import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from codeblock import store
from codeblock.errors import DiskFullError, LockedError, StoreError
from codeblock.store import (
    Counts,
    Shards,
    atomic_file,
    check_counts,
    parquet_bytes,
    read_table,
    run_lock,
    scratch_file,
    shard_key,
    summarize,
)
from codeblock.store import write_bytes_atomic as write

KEY = "k" * 64
FILES = {"data/train-00000.parquet": b"tokens", "annotations/train-00000.parquet": b"reasons"}


def names(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def shards(tmp_path: Path) -> Shards:
    """One shard in two directories below one root."""
    made = Shards(tmp_path / "stages" / "selection", tmp_path)
    made.write(0, KEY, FILES, Counts(5, 3, {"odd": 2}), {"next": 7})
    return made


def test_a_shard_is_found_by_its_key(shards: Shards) -> None:
    done = shards.find(0, KEY)
    assert done is not None
    assert done.counts == Counts(5, 3, {"odd": 2}, {})
    assert list(done.files) == list(FILES)
    assert done.note == {"next": 7}
    assert names(shards.root) == {*FILES, "stages/selection/done-00000.json"}
    assert shards.find(0, "other") is None
    assert shards.find(1, KEY) is None
    assert shards.all() == [done]


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("content", [b"", b"tokenz", b"tokens and more", None])
def test_a_shard_with_a_changed_file_is_not_found(shards: Shards, path: str, content: bytes | None) -> None:
    if content is None:
        (shards.root / path).unlink()
    else:
        (shards.root / path).write_bytes(content)
    assert shards.find(0, KEY) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"key": "x", "files": {}, "counts": {}, "note": {}}', b"\xff"])
def test_a_damaged_done_file_is_no_shard(shards: Shards, content: bytes) -> None:
    path = shards.directory / "done-00000.json"
    path.write_bytes(content)
    assert shards.find(0, KEY) is None
    with pytest.raises(StoreError, match=r"cannot read .*done-00000\.json: .*; run the command that made it again"):
        shards.all()


def test_prune_removes_what_no_shard_owns(shards: Shards) -> None:
    root = shards.root
    shards.write(1, KEY, {"data/train-00001.parquet": b"x"}, Counts(1, 1))
    for path in ("data/train-00009.parquet", "stages/selection/quarantine-00000.jsonl", "stages/selection/done-00009.json"):
        write(root / path, b"left behind")
    write(root / "data" / "README.md", b"not a shard")
    write(root / "other" / "part-00000.parquet", b"not ours")
    shards.prune(1)
    kept = {*FILES, "stages/selection/done-00000.json", "data/README.md", "other/part-00000.parquet"}
    assert names(root) == kept


def test_rows_that_are_not_accounted_for() -> None:
    check_counts(Counts(6, 3, {"a": 1}, {"b": 2}), "shard 0")
    message = "^shard 0: 7 rows entered, but 6 are accounted for: "
    with pytest.raises(StoreError, match=message):
        check_counts(Counts(7, 3, {"a": 1}, {"b": 2}), "shard 0")


def test_a_shard_that_loses_rows_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"^shard 0 of samples: 2 rows entered, but 1 are accounted for"):
        Shards(tmp_path / "samples").write(0, KEY, {"part-00000.parquet": b""}, Counts(2, 1))
    assert names(tmp_path) == set()


def test_summary_adds_up(shards: Shards) -> None:
    done = [*shards.all(), shards.write(1, KEY, {}, Counts(4, 1, {"odd": 1}, {"bad": 2}))]
    report = summarize("selection", done, 1, 0.5)
    assert (report.rows, report.kept, report.rejected, report.quarantined) == (9, 4, {"odd": 3}, {"bad": 2})
    assert (report.shards_done, report.shards_skipped) == (1, 1)


def test_key_depends_on_everything_and_not_on_order_of_settings() -> None:
    key = shard_key({"a": 1, "b": 2}, ["x", "y"])
    assert key == shard_key({"b": 2, "a": 1}, ["x", "y"])
    others = [({"a": 1, "b": 3}, ["x", "y"]), ({"a": 1}, ["x", "y"]), ({"a": 1, "b": 2}, ["y", "x"]), ({"a": 1, "b": 2}, ["xy"])]
    assert key not in {shard_key(fingerprint, inputs) for fingerprint, inputs in others}


# --- Parquet


def test_parquet_bytes_do_not_depend_on_chunks_or_metadata() -> None:
    rows = [{"id": str(n), "values": [n, None] if n % 3 else None} for n in range(100)]
    whole = pa.Table.from_pylist(rows)
    field = whole.schema.field(0).with_metadata({"PARQUET:field_id": "7"})
    dressed = whole.cast(whole.schema.set(0, field)).replace_schema_metadata({"huggingface": "{}"})
    pieces = pa.concat_tables([dressed.slice(0, 1), dressed.slice(1, 70), dressed.slice(71)])
    content = parquet_bytes(pieces)
    assert content == parquet_bytes(whole)
    file = pq.ParquetFile(pa.BufferReader(content))
    assert file.metadata.metadata is None
    assert file.read().equals(whole)


def test_unreadable_table(tmp_path: Path) -> None:
    for content in (None, b"", b"PAR1 not really PAR1"):
        if content is not None:
            (tmp_path / "part-00000.parquet").write_bytes(content)
        with pytest.raises(StoreError, match=r"cannot read .*part-00000\.parquet: .*; run the command that made it again"):
            read_table(tmp_path / "part-00000.parquet")


# --- the lock

HOLD = "import sys, time; from pathlib import Path; from codeblock.store import run_lock\n"
HOLD += "with run_lock(Path(sys.argv[1])): print('held', flush=True); time.sleep(600)"


def test_two_writers_refuse_each_other_until_one_is_killed(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "out")], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    message = f"^another run is writing into {tmp_path}/out: wait until it ends, or choose another directory$"
    with pytest.raises(LockedError, match=message), run_lock(tmp_path / "out"):
        pytest.fail("got the lock")
    holder.kill()
    holder.wait()
    with run_lock(tmp_path / "out"):
        pass


def test_lock_is_released_by_an_exception(tmp_path: Path) -> None:
    with pytest.raises(KeyError), run_lock(tmp_path):
        raise KeyError
    with run_lock(tmp_path), pytest.raises(LockedError), run_lock(tmp_path):
        pytest.fail("got the lock twice")


def test_stale_files_are_swept_under_the_lock_alone(tmp_path: Path) -> None:
    for name in ("data/train-00000.parquet.tmp-123", "manifest.json.tmp-9", "data/notes.tmp-old", "data/x.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    with run_lock(tmp_path):
        assert names(tmp_path) == {"data/notes.tmp-old", "data/x.parquet", ".lock"}
        (tmp_path / "y.tmp-1").write_bytes(b"x")
        with pytest.raises(LockedError), run_lock(tmp_path):
            pytest.fail("got the lock twice")
        assert (tmp_path / "y.tmp-1").exists()


# --- what can go wrong while writing


def test_a_block_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    write(path, b"old")
    with pytest.raises(KeyboardInterrupt), atomic_file(path) as file:
        file.write(b"new")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == {"pairs.jsonl"}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_no_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(
        DiskFullError, match=r"^no space left to write .*manifest\.json: make room and run the same command"
    ) as caught:
        store.write_json_atomic(tmp_path / "manifest.json", {})
    assert caught.value.exit_code == 74
    assert names(tmp_path) == set()


def test_a_scratch_file_has_no_name_and_says_when_there_is_no_space(tmp_path: Path) -> None:
    with pytest.raises(DiskFullError, match=f"^no space left to write {tmp_path}: "), scratch_file(tmp_path) as file:
        file.write(b"abc")
        file.seek(0)
        assert file.read() == b"abc"
        assert names(tmp_path) == set()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(StoreError, match=r"^cannot write .*/out/\.lock: "), run_lock(tmp_path / "out"):
        pytest.fail("got the lock")
    with pytest.raises(StoreError, match=r"^cannot write .*/out/manifest\.json: "):
        write(tmp_path / "out" / "manifest.json", b"")


def test_unwritable_directory(tmp_path: Path) -> None:
    """As another user where this is root, whom permissions do not stop."""
    tmp_path.chmod(0o555)
    code = "import os, sys; from pathlib import Path; from codeblock.store import write_bytes_atomic\n"
    code += "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
    code += "write_bytes_atomic(Path(sys.argv[1]), b'x')"
    for parent in list(tmp_path.parents)[:3]:
        if parent.name.startswith("pytest"):
            parent.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "x")], capture_output=True, text=True)
    tmp_path.chmod(0o755)
    assert f"StoreError: cannot write {tmp_path}/x: Permission denied" in done.stderr
    assert names(tmp_path) == set()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs the file size limit of Linux")
def test_real_limit_of_the_file_system(tmp_path: Path) -> None:
    code = "import resource, sys; from pathlib import Path; from codeblock.store import write_bytes_atomic\n"
    code += "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))\n"
    code += "write_bytes_atomic(Path(sys.argv[1]) / 'small', b'x' * (1 << 16))\n"
    code += "write_bytes_atomic(Path(sys.argv[1]) / 'large', b'x' * (1 << 20))"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert "DiskFullError: no space left to write" in done.stderr
    assert names(tmp_path) == {"small"}


def test_json_is_readable_and_not_escaped(tmp_path: Path) -> None:
    store.write_json_atomic(tmp_path / "x.json", {"é": [1]})
    text = (tmp_path / "x.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"é": [1]}
    assert "é" in text
    assert text.endswith("}\n")


def test_writing_leaves_no_trace_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = []
    for year in (2020, 2030):
        monkeypatch.setattr(time, "time", lambda year=year: year * 31e6)
        shards = Shards(tmp_path / str(year))
        shards.write(0, KEY, {"part-00000.parquet": parquet_bytes(pa.table({"a": [1]}))}, Counts(1, 1))
        contents.append([path.read_bytes() for path in sorted(shards.directory.iterdir())])
    assert contents[0] == contents[1]

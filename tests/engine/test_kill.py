"""Whatever stops a run, the same command finishes it with the same bytes."""

import errno
import io
import itertools
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from codeblock.engine.local import run_stage
from codeblock.errors import DiskFullError, StoreError
from codeblock.store import Shards, run_lock
from tests.engine.toys import Toy, read_samples, tree, write_input, write_samples

ROOT = Path(__file__).parents[2]
PIPELINE = """
import sys
from pathlib import Path
from codeblock.engine.local import run_stage
from codeblock.store import run_lock
from tests.engine.toys import Toy, read_samples
data, root = map(Path, sys.argv[1:])
with run_lock(root):
    read_samples(data, root / "samples", shard_rows=8)
    run_stage(Toy(seconds=0.005), [root / "samples"], root / "toy", workers=2, row_seconds=30)
    run_stage(Toy(column="second"), [root / "samples", root / "toy"], root / "second")
"""


def pipeline(data: Path, root: Path) -> None:
    """Reading and two stages in this process."""
    with run_lock(root):
        samples = read_samples(data, root / "samples", shard_rows=8)
        run_stage(Toy(), [samples], root / "toy")
        run_stage(Toy(column="second"), [samples, root / "toy"], root / "second")


def whole(root: Path, expected: dict[str, bytes]) -> None:
    """Every file under a final name is as in the finished run; temporary names are all else there is."""
    for name, content in tree(root).items():
        assert ".tmp-" in name or content == expected[name], name


def kill_at_random(tmp_path: Path, kills: int) -> None:
    data = write_input(tmp_path / "data.jsonl", {3: "reject", 12: "raise"}, count=64)
    command = [sys.executable, "-c", PIPELINE, str(data)]
    started = time.monotonic()
    subprocess.run([*command, str(tmp_path / "whole")], cwd=ROOT, check=True, capture_output=True)
    longest = time.monotonic() - started
    expected = tree(tmp_path / "whole")
    random.seed(0)
    killed = 0
    for attempt in itertools.count():
        root = tmp_path / str(attempt)
        while True:
            process = subprocess.Popen([*command, str(root)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            try:
                process.communicate(timeout=random.uniform(0.1, longest) if killed < kills else None)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                killed += 1
                whole(root, expected)
                continue
            assert process.returncode == 0
            break
        assert tree(root) == expected
        shutil.rmtree(root)
        if killed >= kills:
            return


def test_a_few_kills(tmp_path: Path) -> None:
    kill_at_random(tmp_path, 3)


@pytest.mark.slow
def test_a_hundred_kills(tmp_path: Path) -> None:
    kill_at_random(tmp_path, 100)


class Faults:
    """Counts the calls that write, sync, rename or open for writing, and fails one of them."""

    def __init__(self, patch: pytest.MonkeyPatch, fatal: int | None = None, number: int = errno.ENOSPC) -> None:
        self.calls: list[str] = []
        self.fatal = fatal
        self.number = number
        faults = self

        class File(io.FileIO):
            def write(self, data: object, /) -> int:
                faults.call("write")
                return super().write(data)  # type: ignore[arg-type]

        opened, synced, replaced = Path.open, os.fsync, os.replace

        def open_path(path: Path, mode: str = "r", *args: object, **kwargs: object) -> object:
            if mode != "wb":
                return opened(path, mode, *args, **kwargs)  # type: ignore[arg-type]
            faults.call("open")
            return io.BufferedWriter(File(path, "wb"))

        patch.setattr(Path, "open", open_path)
        patch.setattr(os, "fsync", lambda descriptor: (self.call("fsync"), synced(descriptor)))
        patch.setattr(os, "replace", lambda source, target: (self.call("replace"), replaced(source, target)))

    def call(self, name: str) -> None:
        self.calls.append(name)
        if len(self.calls) - 1 == self.fatal:
            raise OSError(self.number, os.strerror(self.number))


def test_any_failing_call_is_one_clear_error_and_can_be_resumed(tmp_path: Path) -> None:
    data = write_input(tmp_path / "data.jsonl", {3: "reject"}, count=20)
    with pytest.MonkeyPatch.context() as patch:
        calls = Faults(patch).calls
        pipeline(data, tmp_path / "whole")
    expected = tree(tmp_path / "whole")
    assert {name: calls.count(name) for name in ("open", "write", "replace")} == dict.fromkeys(("open", "write", "replace"), 18)
    assert calls.count("fsync") == 18 * 2 + 4  # of each file and its directory, and of the parent of each new directory
    for fatal, number in zip(range(len(calls)), itertools.cycle([errno.ENOSPC, errno.EIO]), strict=False):
        root = tmp_path / str(fatal)
        with pytest.MonkeyPatch.context() as patch:
            Faults(patch, fatal, number)
            with pytest.raises(DiskFullError if number == errno.ENOSPC else StoreError):
                pipeline(data, root)
        whole(root, expected)
        assert not [name for name in tree(root) if ".tmp-" in name]
        pipeline(data, root)
        assert tree(root) == expected
        shutil.rmtree(root)


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A file system of 64 KiB."""
    path = tmp_path / "disk"
    path.mkdir()
    if os.getuid() != 0:
        pytest.skip("mounting a small disk needs root")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(path)], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"cannot mount a small disk: {mounted.stderr.strip()}")
    yield path
    subprocess.run(["umount", str(path)], check=True)


def test_full_disk(small_disk: Path, tmp_path: Path) -> None:
    samples = write_samples(tmp_path, count=400, shard_rows=16)
    run_stage(Toy(), [samples], tmp_path / "whole")
    with pytest.raises(DiskFullError, match=r"^no space left to write "):
        run_stage(Toy(), [samples], small_disk / "toy")
    kept = len(Shards(small_disk / "toy").all())
    assert 0 < kept < 25
    whole(small_disk / "toy", tree(tmp_path / "whole"))
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    report = run_stage(Toy(), [samples], small_disk / "toy")
    assert report.shards_skipped == kept
    assert tree(small_disk / "toy") == tree(tmp_path / "whole")

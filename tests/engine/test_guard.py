import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from codeblock.engine.guard import Limits, Worker
from codeblock.engine.local import run_stage
from codeblock.errors import CodeblockError
from codeblock.store import read_table
from tests.engine.toys import SCHEMA, Toy, tree, write_samples

TIMEOUTS = {2: "sleep", 17: "loop", 18: "loop in C"}
CRASHES = {5: "crash", 6: "exit", 20: "killed", 21: "memory", 38: "much memory", 39: "raise"}


def reasons(out: Path) -> dict[int, str]:
    column = pa.concat_tables([read_table(path) for path in sorted(out.glob("part-*.parquet"))])["reason"].to_pylist()
    return {n: reason for n, reason in enumerate(column) if reason is not None}


def test_exactly_the_rows_that_hang_or_kill_are_dropped(tmp_path: Path) -> None:
    samples = write_samples(tmp_path, TIMEOUTS | CRASHES)
    report = run_stage(Toy(), [samples], tmp_path / "toy", workers=2, row_seconds=0.3, row_memory=1 << 26)
    assert reasons(tmp_path / "toy") == dict.fromkeys(TIMEOUTS, "toy_timeout") | dict.fromkeys(CRASHES, "toy_crash")
    assert (report.rows, report.kept) == (40, 31)
    assert report.rejected == {"toy_timeout": 3, "toy_crash": 6}


def test_rows_that_kill_do_not_change_the_bytes_of_others(tmp_path: Path) -> None:
    samples = write_samples(tmp_path, {3: "exit"}, count=20)
    run_stage(Toy(), [samples], tmp_path / "one", workers=1, row_seconds=10)
    run_stage(Toy(), [samples], tmp_path / "two", workers=2, row_seconds=10)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_every_row_kills_and_the_stage_is_set_up_once(tmp_path: Path) -> None:
    samples = write_samples(tmp_path, dict.fromkeys(range(40), "exit"))
    report = run_stage(Toy(pids=tmp_path / "pids"), [samples], tmp_path / "toy", row_seconds=10)
    assert (report.kept, report.rejected) == (0, {"toy_crash": 40})
    assert (tmp_path / "pids").read_text().count("setup") == 1


def test_a_killed_nursery_is_started_again(tmp_path: Path) -> None:
    samples = write_samples(tmp_path, count=64, shard_rows=8)

    def kill_the_first(done: int, _: int | None) -> None:
        if done == 8:
            os.kill(int((tmp_path / "pids").read_text().split()[1]), signal.SIGKILL)

    stage = Toy(seconds=0.01, pids=tmp_path / "pids")
    report = run_stage(stage, [samples], tmp_path / "toy", row_seconds=10, progress=kill_the_first)
    assert (report.kept, report.rejected) == (64, {})


def test_the_log_says_what_a_row_died_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    samples = write_samples(tmp_path, {0: "loop", 1: "crash", 2: "exit", 3: "raise"}, count=5)
    with caplog.at_level("INFO"):
        run_stage(Toy(), [samples], tmp_path / "toy", row_seconds=0.3)
    loop, crash, ended, raised = [record.getMessage() for record in caplog.records]
    assert loop == "toy: row row-0 dropped: took longer than 0.3 s"
    assert crash == "toy: row row-1 dropped: worker killed by SIGSEGV"
    assert ended == "toy: row row-2 dropped: worker exit code 3"
    assert raised.startswith("toy: row row-3 dropped: Traceback")
    assert raised.endswith("IndexError: no such item\n")


def test_slow_rows_together_are_not_too_slow(tmp_path: Path) -> None:
    """16 rows of 0.2 s take longer than the limits of one row, of processor time and of wall time; none does alone."""
    samples = write_samples(tmp_path, count=16)
    report = run_stage(Toy(seconds=0.2), [samples], tmp_path / "toy", row_seconds=0.5)
    assert report.kept == 16


def test_without_limits_a_dead_worker_is_an_error(tmp_path: Path) -> None:
    samples = write_samples(tmp_path, {20: "exit"})
    with pytest.raises(CodeblockError, match="stage toy failed: worker exit code 3"):
        run_stage(Toy(), [samples], tmp_path / "toy", workers=2)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("raise", "stage toy cannot be set up: IndexError: no such item"),
        ("exit", r"stage toy: its worker died while setting up \(worker exit code 3\)"),
    ],
)
def test_stage_that_cannot_be_set_up(tmp_path: Path, broken: str, message: str) -> None:
    samples = write_samples(tmp_path)
    with pytest.raises(CodeblockError, match=message):
        run_stage(Toy(broken=broken), [samples], tmp_path / "toy", workers=2, row_seconds=1)


def test_closed_worker_does_not_rise_again() -> None:
    worker = Worker(Toy(), Limits(1, 1 << 28))
    worker.close()
    with pytest.raises(CodeblockError, match="stage toy was stopped"):
        worker(pa.table({"id": ["a"], "reason": pa.nulls(1, pa.string()), "messages": [[{"role": "user", "content": "x"}]]}))


def test_empty_batch_starts_nothing() -> None:
    worker = Worker(Toy(broken="exit"), Limits(1, 1 << 28))
    assert worker(SCHEMA.empty_table()).num_rows == 0


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition, seconds: float = 60) -> None:
    """Wait; the limit only ends a hopeless test."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


SCRIPT = """
import sys
from pathlib import Path
from codeblock.engine.local import run_stage
from codeblock.store import run_lock
from tests.engine.toys import Toy
root = Path(sys.argv[1])
with run_lock(root):
    run_stage(Toy(pids=root / "pids"), [root / "samples"], root / "toy", workers=2, row_seconds=float(sys.argv[2]))
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("how", ["loop in C", "sleep"])
def test_workers_end_with_their_parent(tmp_path: Path, how: str, number: signal.Signals) -> None:
    write_samples(tmp_path, {0: how, 20: how})
    parent = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path), "0.5"], cwd=Path(__file__).parents[2], stderr=subprocess.PIPE
    )
    pids = tmp_path / "pids"
    wait_until(lambda: pids.exists() and pids.read_text().count("call") == 2)
    parent.send_signal(number)
    parent.communicate()
    assert parent.returncode in (-number, 130)
    processes = {int(line.split()[1]) for line in pids.read_text().splitlines()}
    assert len(processes) >= 4
    wait_until(lambda: not any(alive(pid) for pid in processes))
    assert not list(tmp_path.rglob("*.tmp-*"))


def test_signal_to_the_whole_group_is_no_crash_of_a_row(tmp_path: Path) -> None:
    """A terminal and a batch system signal every process at once; what was written must not blame the rows in hand."""
    write_samples(tmp_path, count=400, shard_rows=16)
    command = [sys.executable, "-c", SCRIPT.replace("Toy(", "Toy(seconds=0.02, "), str(tmp_path), "60"]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2], stderr=subprocess.PIPE, start_new_session=True)
    wait_until(lambda: (tmp_path / "toy" / "done-00001.json").exists())
    os.killpg(process.pid, signal.SIGINT)
    process.communicate()
    assert process.returncode in (-signal.SIGINT, 130)
    assert reasons(tmp_path / "toy") == {}

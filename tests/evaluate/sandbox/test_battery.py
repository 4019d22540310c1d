"""Every program of the battery at every level that contains: right verdicts, nothing touched, nothing left."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from codeblock.evaluate.sandbox.jobs import Job, Level, Limits, Outcome, Verdict, asserts
from codeblock.evaluate.sandbox.run import Sandbox
from tests.evaluate.sandbox.battery import BATTERY, SQUARE, Program
from tests.evaluate.sandbox.canaries import canaries
from tests.evaluate.sandbox.conftest import require_level

CHECK = asserts("# battery-answers\nassert f(2) == 4\nassert f(3) == 9", ["f"])
LIMITS = Limits(cpu_seconds=0.4, wall_seconds=2.5, memory_bytes=256 << 20, disk_bytes=16 << 20, files=2000, processes=40)


@dataclass(frozen=True)
class Result:
    level: Level
    outcomes: dict[str, Outcome]
    damage: list[str]
    left: dict[str, set[str]]


def processes() -> set[str]:
    return {name for name in os.listdir("/proc") if name.isdigit()} if Path("/proc").is_dir() else set()


def children() -> set[str]:
    """All descendants of this process, and orphans of the user that a sandbox started as root becomes."""
    me, parents, users = str(os.getpid()), {}, {}
    for name in processes():
        try:
            text = Path(f"/proc/{name}/stat").read_text()
            users[name] = Path(f"/proc/{name}").stat().st_uid
        except OSError:
            continue
        parents[name] = text.rpartition(")")[2].split()[1]
    found = {name for name, parent in parents.items() if users[name] == 65534 and parent == "1"}
    level = {me}
    while level := {name for name, parent in parents.items() if parent in level}:
        found |= level
    return found


def open_files() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


def job(source: str) -> Job:
    return Job(source, CHECK, LIMITS)


@pytest.fixture(scope="module", params=[Level.FULL, pytest.param(Level.LANDLOCK, marks=pytest.mark.slow)], ids=str)
def result(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Result]:
    level = require_level(request.param)
    before = {"directories": set(os.listdir(tempfile.gettempdir()))}
    with canaries(tmp_path_factory.mktemp("battery")) as targets:
        ours = children()
        descriptors = open_files()
        # first mild programs: only a sandbox that holds those is shown the others
        with Sandbox(workers=1, level=level) as sandbox:
            mild = list(
                sandbox.run([job("def f(x):\n    while True: pass\n"), job("def f(x):\n    return bytearray(1 << 30)\n")])
            )
        assert [o.verdict for o in mild] == [Verdict.TIMEOUT, Verdict.FAILED]
        with Sandbox(workers=4, level=level) as sandbox:
            outcomes = dict(zip((p.id for p in BATTERY), sandbox.run(job(targets.aim(p)) for p in BATTERY), strict=True))
        damage = targets.damage()
        left = {"processes": children() - ours, "descriptors": open_files() - descriptors}
        left |= {"directories": {n for n in set(os.listdir(tempfile.gettempdir())) - before["directories"] if "sandbox" in n}}
        yield Result(level, outcomes, damage, left)


@pytest.mark.parametrize("program", BATTERY, ids=lambda p: f"{p.id} {p.title}")
def test_verdict(result: Result, program: Program) -> None:
    outcome = result.outcomes[program.id]
    if not program.correct:
        assert outcome.verdict is not Verdict.PASSED
    elif result.level is Level.FULL:
        assert outcome.verdict is Verdict.PASSED, (outcome.reason, outcome.detail)
    else:  # what needs processes or sockets is named there, never counted as wrong
        assert outcome.verdict in (Verdict.PASSED, Verdict.UNJUDGED), (outcome.reason, outcome.detail)


def test_nothing_outside_is_touched(result: Result) -> None:
    assert not result.damage


def test_nothing_is_left(result: Result) -> None:
    assert result.left == {"processes": set(), "descriptors": set(), "directories": set()}


def test_every_program_ends_in_time(result: Result) -> None:
    late = {p.id: o.wall_seconds for p in BATTERY if (o := result.outcomes[p.id]).wall_seconds > 2.5 + 5 + 2}
    assert not late


def test_the_battery_is_large_enough() -> None:
    ids = [p.id for p in BATTERY]
    assert len(ids) == len(set(ids)) >= 150
    assert sum(i.startswith("p") for i in ids) >= 25


def test_a_battery_without_walls_would_be_noticed(tmp_path: Path) -> None:
    """The canaries do see: a plain interpreter that runs three of the hostile programs touches them."""
    with canaries(tmp_path) as targets:
        for title in ("overwrites a file", "connects to a service", "kills a process by number"):
            program = next(p for p in BATTERY if p.title == title)
            exec(targets.aim(program), {})
        targets.process.wait()
        assert len(targets.damage()) == 3


def test_cold_and_warm_agree(full: Level) -> None:
    quick = [p for p in BATTERY if not p.slow and "@" not in p.source][::3]
    jobs = [job(p.source) for p in quick]
    with Sandbox(workers=2, level=full) as warm, Sandbox(workers=2, level=full, cold=True) as cold:
        pairs = list(zip(quick, warm.run(jobs), cold.run(jobs), strict=True))
    assert [(p.id, a.verdict, a.reason) for p, a, _ in pairs] == [(p.id, b.verdict, b.reason) for p, _, b in pairs]


def test_a_wall_limit_ends_what_sleeps(full: Level) -> None:
    with Sandbox(workers=1, level=full) as sandbox:
        (outcome,) = sandbox.run([replace(job(f"import time\ntime.sleep(100)\n{SQUARE}"), limits=Limits(wall_seconds=0.3))])
    assert (outcome.verdict, outcome.reason) == (Verdict.TIMEOUT, "wall limit")

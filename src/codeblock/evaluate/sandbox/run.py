"""Running many programs at once, each in its own sandbox.

    with Sandbox() as sandbox:
        for outcome in sandbox.run(jobs): ...

and for a single one `run_tests`.
"""

from __future__ import annotations

import functools
import logging
import os
import queue
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from codeblock.errors import SandboxError
from codeblock.evaluate.sandbox import jobs
from codeblock.evaluate.sandbox.jobs import Job, Level, Limits, Outcome
from codeblock.evaluate.sandbox.worker import Worker

_RESTART_AFTER = 500  # jobs of one warm interpreter
_ENOUGH = (Level.FULL, Level.LANDLOCK)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Probe:
    """What this machine offers.

    Attributes:
        level: the best that works.
        obstacles: for each better level, what was in the way.
    """

    level: Level
    obstacles: dict[Level, str]


@functools.cache
def probe() -> Probe:
    """Find the best level by building each, best first. The answer is kept."""
    obstacles: dict[Level, str] = {}
    for level in Level:
        try:
            worker = Worker(level)
            try:
                outcome = worker.run(Job("def f(): return 1", jobs.asserts("assert f() == 1", ["f"])))
            finally:
                worker.close()
        except SandboxError as error:
            obstacles[level] = str(error).removeprefix(f"level {level} cannot be had: ")
            continue
        if outcome.verdict is jobs.Verdict.PASSED:
            return Probe(level, obstacles)
        obstacles[level] = f"a correct program ends as {outcome.verdict}: {outcome.reason} {outcome.detail}"
    raise SandboxError(f"no program can be run here: {'; '.join(f'{k}: {v}' for k, v in obstacles.items())}")


def choose_level(wanted: Level | None, accept_no_isolation: bool) -> Level:
    """Return the level to use.

    Args:
        wanted: by name; None for the best that works.
        accept_no_isolation: whether programs may run with less than Landlock between them and this machine.

    Raises:
        SandboxError: the level is too low and that was not accepted.
    """
    level = wanted or probe().level
    if level not in _ENOUGH and not accept_no_isolation:
        raise SandboxError(
            f"the best isolation here is {level!s}, in which a program can reach your files and network: see `codeblock doctor`, "
            "or accept that with --accept-no-isolation"
        )
    return level


class Sandbox:
    """Warm interpreters, one per worker thread.

    Args:
        workers: how many programs run at once; None for one per processor.
        level: None for the best that works.
        preload: modules that many programs import.
        cold: a new interpreter for every program; for comparison only.
        accept_no_isolation: see `choose_level`.

    Attributes:
        level: in use.
    """

    def __init__(
        self,
        workers: int | None = None,
        level: Level | None = None,
        preload: Sequence[str] = (),
        cold: bool = False,
        accept_no_isolation: bool = False,
    ) -> None:
        self.level = choose_level(level, accept_no_isolation)
        self._preload = tuple(preload)
        self._limit = 1 if cold else _RESTART_AFTER
        self._todo: queue.SimpleQueue[tuple[int, Job, queue.SimpleQueue[_Done]] | None] = queue.SimpleQueue()
        count = workers or len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1))
        self._threads = [threading.Thread(target=self._work, name=f"sandbox-{n}", daemon=True) for n in range(count)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all interpreters; jobs that nobody waits for any more are dropped."""
        while not self._todo.empty():
            try:
                self._todo.get_nowait()
            except queue.Empty:
                break
        for _ in self._threads:
            self._todo.put(None)
        for thread in self._threads:
            thread.join()

    def run(self, todo: Iterable[Job]) -> Iterator[Outcome]:
        """Run jobs and return their outcomes in the same order, each as soon as it and those before it are there.

        Raises:
            SandboxError: the sandbox itself broke down, twice for the same job.
        """
        done: queue.SimpleQueue[_Done] = queue.SimpleQueue()
        ready: dict[int, Outcome] = {}
        count = 0
        for number, job in enumerate(todo):
            self._todo.put((number, job, done))
            count = number + 1
        for number in range(count):
            while number not in ready:
                finished, outcome = done.get()
                if isinstance(outcome, SandboxError):
                    raise outcome
                ready[finished] = outcome
            yield ready.pop(number)

    def _work(self) -> None:
        worker: Worker | None = None
        used = 0
        try:
            while (task := self._todo.get()) is not None:
                number, job, done = task
                outcome: Outcome | SandboxError | None = None
                for _ in range(2):
                    try:
                        if worker is None:
                            worker, used = Worker(self.level, self._preload), 0
                        outcome = worker.run(job)
                        break
                    except SandboxError as error:
                        _log.warning("%s; starting it anew", error)
                        outcome = error
                        if worker is not None:
                            worker.close()
                            worker = None
                used += 1
                if worker is not None and used >= self._limit:
                    worker.close()
                    worker = None
                assert outcome is not None
                done.put((number, outcome))
        finally:
            if worker is not None:
                worker.close()


_Done = tuple[int, Outcome | SandboxError]


def run_tests(
    program: str,
    tests: str = "",
    kind: Literal["asserts", "unittest", "doctest"] = "asserts",
    names: Sequence[str] = (),
    limits: Limits | None = None,
    sandbox: Sandbox | None = None,
) -> Outcome:
    """Run a program's tests in the sandbox: doctests and unit tests of training samples, say.

    Args:
        program: Python source that nobody has read.
        tests: ``assert`` statements, or a module of ``unittest`` classes; not used for doctests.
        kind: of tests. Those of ``asserts`` run outside the program; the others in its own interpreter.
        names: for ``asserts``: the functions and classes of the program that they use.
        limits: None for the defaults.
        sandbox: to use for many programs; None makes one for this call.
    """
    check = {
        "asserts": lambda: jobs.asserts(tests, names),
        "unittest": lambda: jobs.unit_tests(tests),
        "doctest": lambda: jobs.doctests(program),
    }[kind]()
    job = Job(program, check, limits or Limits())
    if sandbox is not None:
        return next(sandbox.run([job]))
    with Sandbox(workers=1) as own:
        return next(own.run([job]))

"""Judging samples: every program against every part of its task's test."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from codeblock.evaluate.benchmarks.task import Benchmark, Cases, Part, Task
from codeblock.evaluate.samples import Sample
from codeblock.evaluate.sandbox.jobs import Job, Limits, Outcome, Verdict, cases, outputs
from codeblock.evaluate.sandbox.run import Sandbox

_REFERENCE_FACTOR = 4  # of the reference's CPU time, as EvalPlus allows
_REFERENCE_SECONDS = 120.0
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one sample.

    Attributes:
        task: its id.
        number: of the sample within the task.
        verdict: passed only if every part passed; else that of the first part that did not.
        reason: see `Outcome`.
        detail: see `Outcome`.
        parts: verdict by name of the part; parts after the first that did not pass are not run.
        cpu_seconds: of all parts.
        unstable: whether a second run, alone, gave another verdict, which is the one that stands here.
    """

    task: str
    number: int
    verdict: Verdict
    reason: str
    detail: str
    parts: dict[str, Verdict]
    cpu_seconds: float
    unstable: bool


def judge(
    benchmark: Benchmark,
    tasks: Sequence[Task],
    samples: Sequence[Sample],
    sandbox: Sandbox,
    progress: Progress,
    timeout: float | None,
) -> list[Judged]:
    """Judge samples, in their order.

    Where the expected answers are the reference's, it runs first. A part may take `timeout` seconds of CPU time, or four times
    what the reference takes, if that is more.

    Args:
        benchmark: for limits.
        tasks: of the benchmark.
        samples: of these tasks.
        sandbox: to run in.
        progress: told how many of how many samples are done.
        timeout: None for the benchmark's own.
    """
    limits = Limits(cpu_seconds=timeout or benchmark.cpu_seconds, memory_bytes=benchmark.memory_bytes)
    wanted = {sample.task for sample in samples}
    by_id = {task.id: task for task in tasks if task.id in wanted}
    unjudged = {task.id: why for task in by_id.values() if (why := _missing(task))}
    prepared = dict(_prepare([task for task in by_id.values() if task.id not in unjudged], sandbox, limits, unjudged))
    done = _finish(samples, prepared, unjudged, sandbox, progress)
    return [judged for _, judged in sorted(done, key=lambda pair: pair[0])]


_Ready = list[tuple[str, dict[str, Any], Limits]]
"""Parts of a task that can be run: name, check, limits."""


def _missing(task: Task) -> str | None:
    """Why a task cannot be judged here."""
    absent = [name for name in task.libraries if not _installed(name)]
    return f"not installed: {', '.join(absent)}" if absent else None


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _prepare(tasks: Iterable[Task], sandbox: Sandbox, limits: Limits, unjudged: dict[str, str]) -> Iterator[tuple[str, _Ready]]:
    """Make the checks of tasks; where the reference must speak first, run it."""
    tasks = list(tasks)
    generous = replace(limits, cpu_seconds=max(_REFERENCE_SECONDS, limits.cpu_seconds))
    asked = [(task, part) for task in tasks for part in task.parts if isinstance(part.test, Cases)]
    jobs = [
        Job(task.reference, outputs(task.entry_point, part.test.inputs), generous)
        for task, part in asked
        if isinstance(part.test, Cases)
    ]
    answers = {(task.id, part.name): outcome for (task, part), outcome in zip(asked, sandbox.run(jobs), strict=True)}
    for task in tasks:
        ready: _Ready = []
        for part in task.parts:
            made = _check(task, part, answers.get((task.id, part.name)), limits)
            if made is None:
                outcome = answers[task.id, part.name]
                unjudged[task.id] = f"the reference does not answer: {outcome.verdict} {outcome.reason} {outcome.detail}"
                break
            ready.append((part.name, *made))
        else:
            yield task.id, ready


def _check(task: Task, part: Part, answer: Outcome | None, limits: Limits) -> tuple[dict[str, Any], Limits] | None:
    if not isinstance(part.test, Cases):
        return part.test, limits
    if answer is None or answer.outputs is None:
        return None
    allowed = max(limits.cpu_seconds, _REFERENCE_FACTOR * answer.cpu_seconds)
    check = cases(task.entry_point, part.test.inputs, answer.outputs, part.test.tolerance, part.test.compare)
    return check, replace(limits, cpu_seconds=allowed)


def _finish(
    samples: Sequence[Sample], prepared: dict[str, _Ready], unjudged: dict[str, str], sandbox: Sandbox, progress: Progress
) -> list[tuple[int, Judged]]:
    """Run the parts in rounds: the second part of all samples that passed the first, and so on."""
    done: list[tuple[int, Judged]] = []
    going: list[tuple[int, Sample, dict[str, Verdict], float, bool]] = []
    for position, sample in enumerate(samples):
        if sample.task in prepared:
            going.append((position, sample, {}, 0.0, False))
        else:
            why = unjudged[sample.task]
            short = why.split(":")[0]
            done.append((position, Judged(sample.task, sample.number, Verdict.UNJUDGED, short, why, {}, 0.0, False)))
    progress(len(done), len(samples))
    while going:
        number = len(going[0][2])
        jobs = [Job(sample.program, *prepared[sample.task][number][1:]) for _, sample, *_ in going]
        later: list[tuple[int, Sample, dict[str, Verdict], float, bool]] = []
        slept: list[int] = []
        outcomes: list[Outcome] = []
        for index, outcome in enumerate(sandbox.run(jobs)):
            outcomes.append(outcome)
            if outcome.reason == "wall limit":
                slept.append(index)
            progress(len(done) + index + 1, len(samples))
        again = {index: next(sandbox.run([jobs[index]])) for index in slept}  # alone, for the load may have been at fault
        for index, (position, sample, parts, cpu, unstable) in enumerate(going):
            outcome = again.get(index, outcomes[index])
            unstable = unstable or outcome.verdict is not outcomes[index].verdict
            ready = prepared[sample.task]
            parts = parts | {ready[number][0]: outcome.verdict}
            cpu += outcome.cpu_seconds
            if outcome.verdict is Verdict.PASSED and number + 1 < len(ready):
                later.append((position, sample, parts, cpu, unstable))
            else:
                judged = Judged(sample.task, sample.number, outcome.verdict, outcome.reason, outcome.detail, parts, cpu, unstable)
                done.append((position, judged))
        going = later
    progress(len(samples), len(samples))
    return done

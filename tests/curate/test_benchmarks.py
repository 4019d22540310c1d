import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from codeblock.curate.benchmarks import Task, benchmark_path, load_tasks
from codeblock.errors import DataError, UsageError

ROWS = [
    {"task_id": "HumanEval/3", "prompt": "def f():", "canonical_solution": "    return 1", "test": "assert f() == 1"},
    {"task_id": 4, "text": "Add.", "code": "a + b", "test_list": ["x"]},
    {"task_id": "B/5", "complete_prompt": "long", "instruct_prompt": "short", "canonical_solution": "pass"},
    {"slug": "six", "instructions": "do", "solution": {"a.py": "a = 1", "b.py": "b = 2"}},
]
TASKS = [
    Task("bench/3", ("def f():",), ("    return 1",)),
    Task("bench/4", ("Add.",), ("a + b",)),
    Task("bench/5", ("short", "long"), ("pass",)),
    Task("bench/six", ("do",), ("a = 1", "b = 2")),
]


def test_all_shapes_in_all_kinds_of_files(tmp_path: Path) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
    (tmp_path / "bench.jsonl").write_bytes(lines)
    (tmp_path / "bench.jsonl.gz").write_bytes(gzip.compress(lines))
    (tmp_path / "bench.json").write_text(json.dumps(ROWS))
    for path in tmp_path.iterdir():
        assert load_tasks(path) == TASKS
    pq.write_table(pa.Table.from_pylist(ROWS[2:3]), tmp_path / "bench.parquet")
    assert load_tasks(tmp_path / "bench.parquet") == TASKS[2:3]


def test_infinities_are_read(tmp_path: Path) -> None:
    (tmp_path / "bench.jsonl").write_text('{"task_id": "4", "prompt": "p", "code": "c", "plus_input": [-Infinity]}')
    assert load_tasks(tmp_path / "bench.jsonl") == [Task("bench/4", ("p",), ("c",))]


def test_what_is_no_benchmark(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": 1, "messages": []}')
    with pytest.raises(DataError, match=r"row 0 of benchmark .*a.jsonl is no task: it has none of prompt, text"):
        load_tasks(tmp_path / "a.jsonl")
    (tmp_path / "b.jsonl").write_text("{")
    with pytest.raises(DataError, match="cannot read benchmark"):
        load_tasks(tmp_path / "b.jsonl")
    with pytest.raises(UsageError, match="benchmark 'humanevil' is neither a file nor one of humaneval"):
        benchmark_path("humanevil")

"""BigCodeBench: practical tasks over many libraries, tested by unit tests (Zhuo et al., arXiv 2406.15877).

The tests patch modules, so they run in the program's own interpreter: see `sandbox.jobs.unit_tests` for what that means.
"""

from __future__ import annotations

import ast
from typing import Any, Literal

from codeblock.evaluate.benchmarks.task import Benchmark, DataFile, Part, Task, rows
from codeblock.evaluate.sandbox.jobs import unit_tests

_FILE = DataFile(
    names=("BigCodeBench.jsonl", "BigCodeBench-v0.1.0_hf.jsonl"),
    digest="33baf4f414eb34507f1a8fd55ef9bcd79c1f9b4c3e8e2544f023edac1b20afec",
    published="the data set bigcode/bigcodebench, split v0.1.0_hf",
)


def load_complete(content: bytes) -> list[Task]:
    """Tasks whose prompt is code with a docstring."""
    return [_task(row, "complete") for row in rows(content)]


def load_instruct(content: bytes) -> list[Task]:
    """Tasks whose prompt is an instruction in words."""
    return [_task(row, "instruct") for row in rows(content)]


def _task(row: dict[str, Any], split: Literal["complete", "instruct"]) -> Task:
    return Task(
        id=row["task_id"],
        prompt=row[f"{split}_prompt"],
        entry_point=row["entry_point"],
        reference=row["code_prompt"] + row["canonical_solution"],
        parts=(Part("tests", unit_tests(row["test"])),),
        libraries=_libraries(row),
        completed=row["complete_prompt"],
    )


def _libraries(row: dict[str, Any]) -> tuple[str, ...]:
    """What a task needs: what it says, what its reference and test import, and what pandas plots with."""
    code = row["code_prompt"] + row["canonical_solution"] + "\n" + row["test"]
    named = {*ast.literal_eval(row["libs"])}
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            named |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            named.add(node.module.partition(".")[0])
    if "pandas" in named and ".plot" in code:
        named.add("matplotlib")
    return tuple(sorted(named))


BIGCODEBENCH = tuple(
    Benchmark(
        name=f"bigcodebench-{split}",
        title=f"BigCodeBench v0.1.0, {split}",
        file=_FILE,
        load=load,
        style="bigcodebench",
        memory_bytes=4 << 30,
        cpu_seconds=60.0,
        preload=("numpy", "pandas", "matplotlib.pyplot", "scipy.stats", "sklearn.linear_model", "seaborn"),
        instruct=split == "instruct",
    )
    for split, load in (("complete", load_complete), ("instruct", load_instruct))
)

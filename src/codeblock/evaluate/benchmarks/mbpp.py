"""MBPP: basic problems with three tests each, all 974 and the 427 that were checked (Austin et al., arXiv 2108.07732)."""

from __future__ import annotations

import json
from typing import Any

from codeblock.evaluate.benchmarks.task import Benchmark, DataFile, Part, Task, defined_names, imports_of, rows, used_names
from codeblock.evaluate.sandbox.jobs import asserts


def load(content: bytes) -> list[Task]:
    """Tasks of ``mbpp.jsonl``."""
    return [_task(row, row["text"], row["test_setup_code"]) for row in rows(content)]


def load_sanitized(content: bytes) -> list[Task]:
    """Tasks of ``sanitized-mbpp.json``."""
    return [_task(row, row["prompt"], "\n".join(row["test_imports"])) for row in json.loads(content)]


def _task(row: dict[str, Any], text: str, setup: str) -> Task:
    """A task; which names its tests take from a solution, and which modules they use, is read off the reference."""
    reference = row["code"].replace("\r\n", "\n")
    # what sets the tests up builds the solution's own classes, so it runs with them
    tests = "\n".join([setup.replace("\r\n", "\n"), *row["test_list"]])
    wanted = used_names(tests)
    names = sorted(wanted & defined_names(reference))
    called = [name for name in names if f"{name}(" in row["test_list"][0]]
    number = str(row["task_id"])
    return Task(
        id=f"Mbpp/{number}",
        prompt=f'"""\n{text}\n{row["test_list"][0]}\n"""\n',
        entry_point=(called or names)[0],
        reference=reference,
        parts=(Part("base", asserts(tests, names, preamble=imports_of(reference, wanted))),),
        aliases=(number, f"MBPP/{number}"),
    )


_PUBLISHED = "github.com/google-research/google-research, folder mbpp"

MBPP = Benchmark(
    name="mbpp",
    title="MBPP",
    file=DataFile(("mbpp.jsonl",), "ccf64ceae9c5403bf50a044cb6d505bfd2a2963ee58338ba268fd65beab92a9f", _PUBLISHED),
    load=load,
    style="mbpp",
)
SANITIZED = Benchmark(
    name="mbpp-sanitized",
    title="MBPP sanitized",
    file=DataFile(("sanitized-mbpp.json",), "ca95deaa9a01ef0a6f439f88bcf0dd3db3563d22f22aad6cae04ebb9a8d8c8e9", _PUBLISHED),
    load=load_sanitized,
    style="mbpp",
)

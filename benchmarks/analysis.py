"""How fast analysis is, as a ratio to the pure Tree-sitter parse of the same files.

    python benchmarks/analysis.py [DIRECTORY] [--limit MB] [--pieces]

All Python files below DIRECTORY (default: the standard library) are parsed and analysed in one process, interleaved file by
file, three times; the best CPU time of each file counts. ``--pieces`` cuts the files into their top-level functions and
classes, the size of an answer.
"""

from __future__ import annotations

import argparse
import ast
import gc
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import tree_sitter

from codeblock.analyze.analyze import analyze_code
from codeblock.analyze.dataflow import DataFlow
from codeblock.analyze.deadline import Deadline
from codeblock.analyze.items import build_items
from codeblock.analyze.lines import Lines
from codeblock.analyze.names import ProgramBuilder
from codeblock.analyze.parse import Parsed, attempt, read
from codeblock.analyze.signals import signals
from codeblock.languages import load
from codeblock.spans import ByteSpan
from codeblock.types import CODE_KINDS

T = TypeVar("T")
ROUNDS = 3


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("directory", nargs="?", type=Path, default=Path(sysconfig.get_paths()["stdlib"]))
    arguments.add_argument("--limit", type=float, default=8.0, help="megabytes to read")
    arguments.add_argument("--pieces", action="store_true", help="top-level functions and classes, not files")
    options = arguments.parse_args()
    sources = list(sources_below(options.directory, int(options.limit * 1e6), options.pieces))
    size = sum(len(s.encode()) for s in sources)
    load("python")
    gc.disable()
    stages = dict.fromkeys(["parse", "+ leaves, captures", "items", "names", "flow", "signals"], 0.0)
    parse_seconds = whole_seconds = 0.0
    items = edges = 0
    for source in sources:
        best = [min(column) for column in zip(*(measure(source) for _ in range(ROUNDS)), strict=True)]
        parse_seconds += best[0]
        whole_seconds += best[-1]
        for name, seconds in zip(stages, [best[0], best[1] - best[0], *best[2:-1]], strict=True):
            stages[name] += seconds
        analysis = analyze_code(source, "python")
        items += len(analysis.items)
        edges += len(analysis.edges)
    print(f"{len(sources):,} sources, {size / 1e6:.2f} MB, {items:,} items, {edges:,} edges")
    print(f"pure parse   {size / parse_seconds / 1e6:8.2f} MB/s")
    print(f"analysis     {size / whole_seconds / 1e6:8.2f} MB/s, {len(sources) / whole_seconds:,.0f} sources/s")
    print(f"ratio        {whole_seconds / parse_seconds:8.2f} x the pure parse")
    for name, seconds in stages.items():
        print(f"  {name:20} {seconds / parse_seconds:6.2f}")


def sources_below(directory: Path, limit: int, pieces: bool) -> list[str]:
    """Sources below the directory in a fixed order, up to so many bytes."""
    sources: list[str] = []
    total = 0
    for path in sorted(directory.rglob("*.py")):
        if "site-packages" in path.parts or path.stat().st_size > 1_000_000:
            continue
        try:
            text = path.read_text(encoding="utf-8")
            parts = (
                [ast.get_source_segment(text, n) or "" for n in ast.parse(text).body if is_definition(n)] if pieces else [text]
            )
        except (UnicodeDecodeError, SyntaxError):
            continue
        sources += parts
        total += sum(len(p) for p in parts)
        if total > limit:
            break
    return sources


def is_definition(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def parse(source: bytes, deadline: Deadline) -> Parsed:
    return read(attempt(source, Lines(source), (ByteSpan(0, len(source)),), load("python"), deadline), deadline)


def timed(function: Callable[[], T]) -> tuple[float, T]:
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def measure(source: str) -> list[float]:
    """CPU seconds: the pure parse, parse, items, names, flow, signals, the whole."""
    language = load("python")
    encoded = source.encode()
    deadline = Deadline(60)
    pure, _ = timed(lambda: tree_sitter.Parser(language.grammar).parse(encoded))
    whole, _ = timed(lambda: analyze_code(source, "python"))
    if not encoded:
        return [pure, 0.0, 0.0, 0.0, 0.0, 0.0, whole]
    parsing, parsed = timed(lambda: parse(encoded, deadline))
    building, items = timed(lambda: build_items(parsed, 0, 0, deadline))
    owners = sorted((span, i) for i, item in enumerate(items) if item.kind in CODE_KINDS for span in item.spans)

    def name_program():
        builder = ProgramBuilder(deadline)
        builder.add(parsed, owners)
        return builder.finish()

    naming, program = timed(name_program)
    flowing, edges = timed(lambda: DataFlow(program, deadline).run())
    signalling, _ = timed(lambda: signals(len(items), {(e.source, e.target) for e in edges}, deadline))
    return [pure, parsing, building, naming, flowing, signalling, whole]


if __name__ == "__main__":
    main()

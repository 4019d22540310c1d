"""CPython's `ast`: where simple statements begin and end, where compound statements and their clauses begin.

python -m tests.oracles.python_ast [FILE...]
"""

from __future__ import annotations

import ast

from codeblock.analyze.analyze import analyze_code
from codeblock.types import ItemKind
from tests.analyze.show import text_of
from tests.oracles.tally import Tally, main

WITHOUT_PLACE = ("else_clause", "finally_clause", "case_clause")
"""Clauses that `ast` has no node for."""


def compare(source: str) -> Tally:
    """Statements in a suite on its header's line are no items, so they do not count."""
    tally = Tally()
    encoded = source.encode()
    simple, headers = statements(source)
    ours: set[tuple[int, int]] = set()
    begins: set[int] = set()
    clauses: set[int] = set()
    suites: list[tuple[int, int]] = []
    for item in analyze_code(source, "python").items:
        start, end = item.spans[0].start, item.spans[-1].end - text_of(source, item).endswith(";")
        end = start + len(encoded[start:end].rstrip())
        if item.kind in (ItemKind.SIMPLE, ItemKind.DOCSTRING):
            ours.add((start, end))
        elif item.kind is ItemKind.ERROR:
            tally.differ("error items", show(encoded, (start, end)))
        elif item.kind is not ItemKind.COMMENT:
            (clauses if item.node in WITHOUT_PLACE else begins).add(start)
        if item.kind is ItemKind.INLINE:
            suites.append((start, end))
    hidden = {span for span in simple if any(start < span[0] and span[1] <= end for start, end in suites)}
    simple -= hidden
    tally.counts.update({"simple": len(simple), "simple, same": len(simple & ours), "simple in an inline suite": len(hidden)})
    tally.counts.update({"headers": len(headers), "headers, same": len(headers & begins)})
    for kind, spans in (("simple, only theirs", simple - ours), ("simple, only ours", ours - simple)):
        for span in sorted(spans):
            tally.differ(kind, show(encoded, span))
    for kind, places in (("headers, only theirs", headers - begins - clauses), ("headers, only ours", begins - headers)):
        for at in sorted(places):
            tally.differ(kind, show(encoded, (at, at + 60)))
    return tally


def statements(source: str) -> tuple[set[tuple[int, int]], set[int]]:
    """Spans of the simple statements, and where compound statements and their clauses begin."""
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    simple: set[tuple[int, int]] = set()
    headers: set[int] = set()

    def begin(node: ast.stmt | ast.ExceptHandler) -> int:
        first = min([node, *getattr(node, "decorator_list", [])], key=lambda n: (n.lineno, n.col_offset))
        at = starts[first.lineno - 1] + first.col_offset
        return source.encode().rindex(b"@", 0, at) if first is not node else at

    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ExceptHandler | ast.Match) or (isinstance(node, ast.stmt) and hasattr(node, "body")):
            headers.add(begin(node))
        elif isinstance(node, ast.stmt):
            assert node.end_lineno is not None and node.end_col_offset is not None
            simple.add((begin(node), starts[node.end_lineno - 1] + node.end_col_offset))
    return simple, headers


def show(source: bytes, span: tuple[int, int]) -> str:
    """A place and what stands there, on one line."""
    start, end = span
    line = source.count(b"\n", 0, start) + 1
    return f"{line}: {source[start : min(end, start + 100)].decode(errors='replace')!r}"


if __name__ == "__main__":
    main(compare)

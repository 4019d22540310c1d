"""beniget on gast: which definition may reach which use, between the items of a function.

    python -m tests.oracles.python_beniget [FILE...]

beniget is not always right: it lets a definition pass from one arm of a branch inside a loop to the other, past a rebinding, and
past a return in a try. Mutations and members of classes, which it does not know, do not count.
"""

from __future__ import annotations

import contextlib
import logging
import re
import warnings
from bisect import bisect_right
from collections.abc import Iterator

import beniget
import gast

from codeblock.analyze.analyze import analyze_code
from codeblock.types import Analysis, EdgeKind, ItemKind
from tests.analyze.show import text_of
from tests.oracles.tally import Tally, main

Edges = set[tuple[int, int]]
OTHER_FRAME = "what another call may have left in a variable"
COMPARED = (EdgeKind.FLOW, EdgeKind.CLOSURE, EdgeKind.CALL)


def compare(source: str) -> Tally:
    """Edges with both ends in one outermost function, methods included."""
    tally = Tally()
    analysis = analyze_code(source, "python")
    theirs = beniget_edges(source, analysis)
    if theirs is None:
        tally.counts["sources that beniget cannot take"] += 1
        return tally
    function = function_of(analysis, source)
    kinds = {(e.source, e.target): e.kind for e in analysis.edges if e.kind in COMPARED and "." not in e.variable}
    ours = set(kinds)
    ours, theirs = (
        {(s, t) for s, t in edges if function[s] is not None and function[s] == function[t]} for edges in (ours, theirs)
    )
    functions = {n for n in function if n is not None}
    tally.counts.update({"edges, ours": len(ours), "edges, theirs": len(theirs), "edges, same": len(ours & theirs)})
    differing: set[int | None] = set()
    unexplained: set[int | None] = set()
    for which, edges in (("only ours", ours - theirs), ("only theirs", theirs - ours)):
        for s, t in sorted(edges):
            why = reason(source, analysis, s, t, kinds.get((s, t)))
            tally.differ(f"{which}, {why}", f"{analysis.items[s].line} -> {analysis.items[t].line}")
            differing.add(function[s])
            if why != OTHER_FRAME:
                unexplained.add(function[s])
    tally.counts.update({"functions": len(functions), "functions, same": len(functions) - len(differing)})
    tally.counts[f"functions, same but for {OTHER_FRAME}"] += len(functions) - len(unexplained)
    return tally


def reason(source: str, analysis: Analysis, s: int, t: int, kind: EdgeKind | None) -> str:
    """What two ends of an edge have to do with each other that may explain why one side does not see it."""
    if kind is EdgeKind.CLOSURE:
        return OTHER_FRAME
    ends = [text_of(source, analysis.items[n]) for n in (s, t)]
    if "lambda" in ends[1]:
        return "read in a lambda"
    if re.fullmatch(r"\w+\s*:[^=]+", ends[0]):
        return "a declaration without a value"
    around = {analysis.items[n].node for end in (s, t) for n in enclosing(analysis, end)}
    if around & {"try_statement", "with_statement"}:
        return "in a try or with"
    return "in a loop" if around & {"for_statement", "while_statement"} else "in no loop or try"


def enclosing(analysis: Analysis, item: int | None) -> Iterator[int]:
    """An item and the headers around it."""
    while item is not None:
        yield item
        item = analysis.items[item].parent


def beniget_edges(source: str, analysis: Analysis) -> Edges | None:
    """Definition to use as beniget has them, between items; None if it does not understand the source."""
    encoded = source.encode()
    spans = sorted((s.start, s.end, i) for i, item in enumerate(analysis.items) for s in item.spans)
    starts = [s[0] for s in spans]
    lines = [0, *(m.end() for m in re.finditer(b"\n", encoded))]

    def item_at(node: gast.AST) -> int | None:
        if getattr(node, "lineno", None) is None:
            return None
        offset = lines[node.lineno - 1] + node.col_offset
        at = bisect_right(starts, offset) - 1
        return spans[at][2] if at >= 0 and offset < spans[at][1] else None

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = gast.parse(source)
    for node in gast.walk(tree):
        if isinstance(node, gast.ExceptHandler) and node.name is not None:
            gast.copy_location(node.name, node)
    chains = beniget.DefUseChains()
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(None):  # where it warns of names without a definition
            chains.visit(tree)
    except (AttributeError, RecursionError):  # it does not know every construct
        return None
    finally:
        logging.disable(logging.NOTSET)
    edges: set[tuple[int | None, int | None]] = set()
    for node, definition in chains.chains.items():
        is_name = isinstance(node, gast.Name) and not isinstance(node.ctx, gast.Load)
        if is_name or isinstance(node, gast.FunctionDef | gast.AsyncFunctionDef | gast.ClassDef | gast.alias):
            for user in definition.users():
                if isinstance(user.node, gast.Name):
                    edges.add((item_at(node), item_at(user.node)))
    return {(s, t) for s, t in edges if s is not None and t is not None and s != t}


def function_of(analysis: Analysis, source: str) -> list[int | None]:
    """Per item, the outermost function that it lies in or is."""
    encoded = source.encode()
    found: list[int | None] = []
    for index, item in enumerate(analysis.items):
        own = None
        if item.kind in (ItemKind.DEFINITION, ItemKind.INLINE):
            text = encoded[item.spans[0].start : item.spans[-1].end]
            own = index if re.search(rb"^\s*(async\s+)?def\s", text, re.MULTILINE) else None
        above = None if item.parent is None else found[item.parent]
        found.append(own if above is None else above)
    return found


if __name__ == "__main__":
    main(compare)

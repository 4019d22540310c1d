"""pyflakes: which names nothing in the module defines.

    python -m tests.oracles.python_undefined [FILE...]

pyflakes reads annotations in strings and names in `__all__`, and knows what a branch leaves undefined; names here are resolved
without looking at the flow. Modules with a star import are left out.
"""

from __future__ import annotations

import ast
from bisect import bisect_right

from pyflakes import messages
from pyflakes.checker import Checker, builtin_vars

from codeblock.analyze.program import Op
from tests.oracles.scoped import program_of
from tests.oracles.tally import Tally, main

KNOWN = builtin_vars | {"__name__", "__doc__", "__path__", "__module__", "__qualname__", "__package__", "__spec__", "__class__"}


def compare(source: str) -> Tally:
    tally = Tally()
    found = Checker(ast.parse(source)).messages
    if any(isinstance(message, messages.ImportStarUsed) for message in found):
        tally.counts["sources with a star import"] += 1
        return tally
    scoped = program_of(source)
    items = scoped.items
    spans = sorted((span, n) for n, item in enumerate(items) for span in item.spans)
    lines = source.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line.encode()) + 1)
    theirs: set[tuple[int, str]] = set()
    for message in found:
        if isinstance(message, messages.UndefinedName):
            offset = starts[message.lineno - 1] + message.col  # which `ast` counts in bytes
            (_, item) = spans[max(bisect_right(spans, offset, key=lambda entry: entry[0].start) - 1, 0)]
            theirs.add((item, message.message_args[0]))
    ours: set[tuple[int, str]] = set()
    for frame in scoped.program.frames:
        for op, item, mention, _ in frame:
            if op == Op.USE:
                tally.counts["uses"] += 1
                name = scoped.places[mention][1].decode()
                if scoped.program.variable_of[mention] < 0 and name not in KNOWN:
                    ours.add((item, name))
    tally.counts["undefined for both"] += len(ours & theirs)
    for kind, names in (("only theirs", theirs - ours), ("only ours", ours - theirs)):
        for item, name in sorted(names):
            tally.differ(kind, f"{items[item].line}: {name}: {lines[items[item].line - 1].strip()[:80]}")
    return tally


if __name__ == "__main__":
    main(compare)

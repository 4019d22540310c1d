"""CPython's `tokenize`: every token has the same span here, and is core or not by what it is.

python -m tests.oracles.python_tokens [FILE...]
"""

from __future__ import annotations

import io
import keyword
import token
import tokenize
from bisect import bisect_right

from codeblock.analyze.analyze import analyze_code
from codeblock.types import ItemKind
from tests.oracles.tally import Tally, main

NOT_CORE_WORDS = {"pass", "def", "class", "global", "nonlocal"}
NOT_CORE_SIGNS = {"(", ")", "[", "]", "{", "}", ",", ":", ";", ".", "->", "@"}


def compare(source: str) -> Tally:
    """Strings are several tokens here, their content one of them, so only the tokens between them are compared."""
    tally = Tally()
    analysis = analyze_code(source, "python")
    found = {core for item in analysis.items for core in item.core}
    cores = sorted(found)
    docstrings = sorted(span for item in analysis.items if item.kind is ItemKind.DOCSTRING for span in item.spans)
    lines = source.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line.encode()) + 1)

    def offset(row: int, column: int) -> int:
        return starts[row - 1] + len(lines[row - 1][:column].encode())

    for t in tokenize.generate_tokens(io.StringIO(source, newline="").readline):
        name = kind(t)
        if name is None:
            continue
        span = offset(*t.start), offset(*t.end)
        before = bisect_right(docstrings, span[0], key=lambda docstring: docstring.start) - 1
        if before >= 0 and span[0] < docstrings[before].end:
            tally.counts[f"{name} in a docstring"] += 1
            continue
        expected = t.string not in NOT_CORE_SIGNS | NOT_CORE_WORDS and t.type != tokenize.COMMENT
        if expected and (keyword.iskeyword(t.string) or t.string == "..."):
            # `is not` and `not in` are one token of the grammar each, or two; the dots of an import are three
            n = bisect_right(cores, span[0], key=lambda core: core.start) - 1
            same = n >= 0 and span[1] <= cores[n].end
        else:
            same = (span in found) == expected
        tally.counts[name] += 1
        tally.counts[f"{name}, same"] += same
        if not same:
            tally.differ(name, f"{t.start[0]}:{t.start[1]}: {t.string!r} in {t.line.strip()[:90]!r}")
    return tally


def kind(t: tokenize.TokenInfo) -> str | None:
    """What is counted together, None for what is not compared."""
    if t.type == token.NAME:
        if keyword.iskeyword(t.string):
            return "keywords that are not core" if t.string in NOT_CORE_WORDS else "keywords"
        return "names"
    if t.type == token.OP:
        return "punctuation" if t.string in NOT_CORE_SIGNS else "operators"
    return {token.NUMBER: "numbers", tokenize.COMMENT: "comments"}.get(t.type)


if __name__ == "__main__":
    main(compare)

"""One small response with its analysis written out by hand."""

from __future__ import annotations

from codeblock.spans import ByteSpan
from codeblock.types import Analysis, CodeItem, Edge, EdgeKind, ItemKind, Segment, SegmentKind

TEXT = """\
Sum the naïve values:
```python
x = 1  # naïve one
if x:
    y = x
    pass
```
Done, and verified.
"""


def at(part: str, after: str = "") -> ByteSpan:
    """Bytes of the first occurrence of `part` after `after`."""
    data = TEXT.encode()
    start = data.index(part.encode(), data.index(after.encode()))
    return ByteSpan(start, start + len(part.encode()))


PROSE = Segment(0, SegmentKind.PROSE, None, (at("Sum the naïve values:\n"),))
CODE = Segment(
    0,
    SegmentKind.CODE,
    "python",
    (ByteSpan(at("x = 1").start, at("\n```\n").start + 1),),
    (at("```python\n"), at("```\n", "pass")),
)
TAIL = Segment(0, SegmentKind.PROSE, None, (at("Done, and verified.\n"),))


def item(kind: ItemKind, node: str, text: str, after: str, core: str, line: int, parent: int | None = None) -> CodeItem:
    """An item on one line; its core tokens are the words of `core`, in order."""
    span = at(text, after)
    found, low = [], span.start
    for word in core.split():
        low = TEXT.encode().index(word.encode(), low)
        found.append(ByteSpan(low, low + len(word)))
        low += len(word)
    return CodeItem(1, kind, node, (span,), tuple(found), parent, 0 if parent is None else 1, line, line)


ANALYSIS = Analysis(
    segments=(PROSE, CODE, TAIL),
    items=(
        item(ItemKind.SIMPLE, "expression_statement", "x = 1", "```", "x = 1", 3),
        item(ItemKind.COMMENT, "comment", "# naïve one", "```", "", 3),
        item(ItemKind.HEADER, "if_statement", "if x:", "```", "if x", 4),
        item(ItemKind.SIMPLE, "expression_statement", "y = x", "```", "y = x", 5, parent=2),
        item(ItemKind.SIMPLE, "pass_statement", "pass", "```", "", 6, parent=2),
    ),
    edges=(Edge(0, 2, "x", EdgeKind.FLOW), Edge(0, 3, "x", EdgeKind.FLOW)),
    reach=(2 / 3, 0.0, 0.0, 0.0, 0.0),
    bridge=(0.0, 0.0, 1.0, 0.0, 0.0),
)

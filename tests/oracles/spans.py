"""The items that the nodes of a compiler's syntax tree should be, compared with ours."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from codeblock.analyze.analyze import analyze_code
from codeblock.types import ItemKind
from tests.oracles.outcome import Difference, Outcome

Interval = tuple[int, int]
Pieces = tuple[Interval, ...]
COUNTED = ("nodes", "agree", "only ours")


@dataclass(frozen=True, slots=True)
class SyntaxTree:
    """What a compiler says of a source, as offsets of bytes.

    Attributes:
        nodes: kind, start and end of every statement, declaration and clause.
        bodies: where the first statement of a header's body begins, where the body ends, and whether it is a simple statement
            without brackets.
        comments: where they are.
    """

    nodes: Sequence[tuple[str, int, int]]
    bodies: Sequence[tuple[int, int, bool]]
    comments: Sequence[Interval]


def compare(text: str, language: str, tree: SyntaxTree, separators: Collection[bytes]) -> Outcome:
    """Compare our items of a source with those that a compiler's tree says.

    The outcome counts nodes, those that agree, as their item has exactly the spans that it should, and items that are only ours.
    """
    source = text.encode()
    expected = items_of(source, tree, separators)
    items = [item for item in analyze_code(text, language).items if item.kind is not ItemKind.COMMENT]
    ours = {_joined(source, item.spans): item.node for item in items}
    at = sorted((span.start, span.end, item.node) for item in items for span in item.spans)
    missed = [
        Difference(kind, _around(at, pieces[0][0]), pieces[0][0], pieces[-1][1])
        for pieces, kind in expected.items()
        if pieces not in ours
    ]
    more = [Difference("", node, pieces[0][0], pieces[-1][1]) for pieces, node in ours.items() if pieces not in expected]
    counts = zip(COUNTED, (len(expected), len(expected) - len(missed), len(more)), strict=True)
    return Outcome(Counter(dict(counts)), [*missed, *more])


def items_of(source: bytes, tree: SyntaxTree, separators: Collection[bytes]) -> dict[Pieces, str]:
    """The spans that items should have, with the kind of their node.

    A byte belongs to the innermost node around it; a separator between two nodes to the first; a body on its header's line to
    the header, as a whole where it begins with a simple statement, else if it ends on that line.
    """
    code = bytearray(source)
    for start, end in tree.comments:
        code[start:end] = bytes(c if c in b"\r\n" else 0x20 for c in code[start:end])
    breaks = [n for n, c in enumerate(code) if c == 0x0A]

    def inline(first: int, end: int, simple: bool) -> bool:
        line = bisect_right(breaks, first - 1)
        before = code[breaks[line - 1] + 1 if line else 0 : first]
        return bool(before.strip()) and (simple or line == bisect_right(breaks, end - 2))

    hidden = bytearray(len(source))
    for first, end, simple in tree.bodies:
        if inline(first, end, simple):
            hidden[first:end] = b"\1" * (end - first)
    nodes = [node for node in tree.nodes if not hidden[node[1]]] + [("", start, end) for start, end in tree.comments]
    nodes.sort(key=lambda node: (node[1], -node[2]))
    pieces: list[list[Interval]] = [[] for _ in nodes]
    around: list[int] = []
    closed = -1  # the node that ended last, while no other has begun
    at = 0

    def give(end: int) -> None:
        nonlocal at
        while piece := source[at:end].strip():
            start = source.index(piece, at)
            first = closed >= 0 and piece[:1] in separators
            owner, at = closed if first else around[-1] if around else -1, start + (1 if first else len(piece))
            if owner >= 0:
                pieces[owner].append((start, at))
        at = end

    def leave(start: int) -> None:
        nonlocal closed
        while around and nodes[around[-1]][2] <= start:
            give(nodes[around[-1]][2])
            ended = around.pop()
            closed = ended if nodes[ended][0] else closed

    for index, (kind, start, _) in enumerate(nodes):
        leave(start)
        give(start)
        if kind:
            closed = -1
        around.append(index)
    leave(len(source))
    give(len(source))
    return {_joined(source, piece): node[0] for piece, node in zip(pieces, nodes, strict=True) if piece and node[0]}


def _joined(source: bytes, pieces: Iterable[Interval]) -> Pieces:
    """Pieces in order, where those are one that have only white space between them."""
    joined: list[Interval] = []
    for start, end in sorted(pieces):
        if joined and not source[joined[-1][1] : start].strip():
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple(joined)


def _around(spans: Sequence[tuple[int, int, str]], offset: int) -> str:
    """The node of the span that holds a byte."""
    at = bisect_right(spans, offset, key=lambda span: span[0]) - 1
    return spans[at][2] if at >= 0 and offset < spans[at][1] else ""


def offsets(text: str) -> Sequence[int]:
    """Per UTF-16 code unit, and for the end, the byte where it begins."""
    if text.isascii():
        return range(len(text) + 1)
    found: list[int] = []
    at = 0
    for character in text:
        found += [at] * (1 + (character > "\uffff"))
        at += len(character.encode())
    return [*found, at]

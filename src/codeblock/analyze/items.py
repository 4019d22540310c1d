"""Coding items: every byte belongs to the innermost captured node that contains it (METHOD C).

A block is cut into *regions*, the intervals of captured nodes. What is left of a region without the regions nested in it,
trimmed of white space, are the spans of its item; so items tile by construction, whatever the tree looks like. A region that is
damaged, because an ERROR or MISSING node lies in its own part, becomes one error item per line, and what was nested in it moves
up to the next good item.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import Any

from codeblock.analyze.core import CoreTokens, as_span, trimmed
from codeblock.analyze.deadline import Deadline
from codeblock.analyze.lines import Lines
from codeblock.analyze.parse import Interval, Parsed
from codeblock.spans import ByteSpan
from codeblock.types import CodeItem, ItemKind

_SIMPLE, _HEADER, _DEFINITION, _INLINE = ItemKind.SIMPLE, ItemKind.HEADER, ItemKind.DEFINITION, ItemKind.INLINE
_COMMENT, _DAMAGE = ItemKind.COMMENT, ItemKind.ERROR  # looking a member up takes longer than a dictionary's look-up
_CODE = (_SIMPLE, _HEADER, _DEFINITION, _INLINE)  # a set would call Python code to hash the kind
_KIND_OF_CAPTURE = {
    "item": ItemKind.SIMPLE,
    "item.header": ItemKind.HEADER,
    "item.definition": ItemKind.DEFINITION,
    "item.block": ItemKind.HEADER,
    "comment": ItemKind.COMMENT,
    "item.docstring": ItemKind.DOCSTRING,  # last: it is an @item too
}
_as_item: Callable[[Any], CodeItem] = partial(tuple.__new__, CodeItem)
"""Much faster than calling `CodeItem`, as `as_span` is."""
# also the order, outermost first, of nodes with the same interval
_BODY, _ERROR, _ITEM, _BLOCK, _AFTER, _MISSING, _LEAVE = range(7)
_Entry = tuple[int, int, int, str, ItemKind]  # start, -end, one of the above, kind of node, kind of item
_NO_REGION = -1
_LAST = 1 << 62  # behind every item
_CHECK_EVERY = 1 << 14  # bytes


@dataclass(slots=True)
class _Region:
    """An interval that owns bytes."""

    kind: ItemKind
    node: str
    parent: int
    damaged: bool
    pieces: list[Interval]


def build_items(parsed: Parsed, segment: int, base: int, deadline: Deadline) -> list[CodeItem]:
    """Cut one block into items.

    Args:
        parsed: the block.
        segment: index of its segment.
        base: index of its first item in the sample.
        deadline: for the whole sample.

    Returns:
        The items, in order of their first byte.
    """
    lines = parsed.lines
    regions, orphans = _sweep(parsed, deadline)
    if len(parsed.spans) > 1:
        _remove_prefixes(regions, orphans, parsed)
    if orphans or any(region.damaged for region in regions):
        _spread_damage(regions, lines)
    rows, damaged = _rows(regions, orphans, parsed.source, lines)
    core, line_of = CoreTokens(parsed), lines.of
    position = {index: base + n for n, (_, _, index) in enumerate(rows) if index >= 0}
    kinds: list[ItemKind] = []
    nodes: list[str] = []
    spans: list[tuple[ByteSpan, ...]] = []
    tokens: list[tuple[ByteSpan, ...]] = []
    parents: list[int | None] = []
    depths: list[int] = []
    check_at = 0
    for first, pieces, index in rows:
        if first >= check_at:
            check_at = first + _CHECK_EVERY
            deadline.check()
        if index >= 0:
            region = regions[index]
            kind, node, parent = region.kind, region.node, region.parent
        else:
            kind, node, parent = _DAMAGE, "ERROR", damaged[index]
        # what has no bytes before this, as the statement `match a {}.b()` around its `match`, is no header of it
        while parent != _NO_REGION and position.get(parent, _LAST) - base >= len(depths):
            parent = regions[parent].parent
        kinds.append(kind)
        nodes.append(node)
        if len(pieces) == 1:  # as most have
            (piece,) = pieces
            spans.append((as_span(piece),))
            tokens.append(core.within(piece) if kind in _CODE else ())
        else:
            spans.append(tuple(map(as_span, pieces)))
            tokens.append(tuple(token for piece in pieces for token in core.within(piece)) if kind in _CODE else ())
        if parent == _NO_REGION:
            parents.append(None)
            depths.append(0)
        else:
            parents.append(position[parent])
            depths.append(depths[position[parent] - base] + 1)
    begin = [line_of(first) for first, _, _ in rows]
    end = [line_of(pieces[-1][1] - 1) for _, pieces, _ in rows]
    columns = repeat(segment, len(rows)), kinds, nodes, spans, tokens, parents, depths, begin, end
    return list(map(_as_item, zip(*columns, strict=True)))


def _rows(
    regions: list[_Region], orphans: list[Interval], source: bytes, lines: Lines
) -> tuple[list[tuple[int, list[Interval], int]], dict[int, int]]:
    """The items to be, as (first byte, spans, region), in order.

    Damaged lines have numbers below _NO_REGION instead of a region; they are returned with the region around them.
    """
    rows: list[tuple[int, list[Interval], int]] = []
    damaged_lines: dict[int, tuple[list[Interval], int]] = {}  # what several regions hold of one line becomes one item

    def add_lines(piece: Interval, parent: int) -> None:
        start, last = piece
        while start < last:
            end = source.find(b"\n", start, last)
            end = last if end < 0 else end + 1
            part = trimmed(source, start, end)
            if part is not None:
                damaged_lines.setdefault(lines.of(part[0]), ([], parent))[0].append(part)
            start = end

    for index, region in enumerate(regions):
        if region.damaged:
            for piece in region.pieces:
                add_lines(piece, region.parent)
        elif region.pieces:
            rows.append((region.pieces[0][0], region.pieces, index))
    for piece in orphans:
        add_lines(piece, _NO_REGION)
    damaged: dict[int, int] = {}
    for pieces, parent in damaged_lines.values():
        number = _NO_REGION - 1 - len(damaged)
        damaged[number] = parent
        pieces.sort()
        rows.append((pieces[0][0], pieces, number))
    rows.sort()
    return rows, damaged


def _entries(parsed: Parsed) -> list[_Entry]:
    """All nodes that matter, sorted so that a node comes before what it contains."""
    kinds: dict[tuple[int, int, str], ItemKind] = {}
    for name, kind in _KIND_OF_CAPTURE.items():
        for node in parsed.nodes.get(name, ()):
            kinds[node] = kind
    for node in (*parsed.nodes.get("item.absorb", ()), *parsed.nodes.get("item.after", ())):
        if kinds.get(node) is not _COMMENT:  # which any child may be
            kinds.pop(node, None)
    _begin_before(kinds, parsed)
    entries: list[_Entry] = [(s, -e, _ITEM, node, kind) for (s, e, node), kind in kinds.items() if s < e]
    entries += [(s, -e, _AFTER, node, _SIMPLE) for s, e, node in parsed.nodes.get("item.after", ()) if s < e]
    blocks = {node[:2] for node in parsed.nodes.get("item.block", ()) if node in kinds}
    entries += [(s, -e, _BLOCK if (s, e) in blocks else _BODY, "", _HEADER) for s, e in parsed.captures.get("body", ()) if s < e]
    entries += [(s, -e, _ERROR, "ERROR", _DAMAGE) for s, e in parsed.errors if s < e]
    # a token is missed where the one before it ends
    entries += [(s if s < e else max(s - 1, 0), -e, _MISSING, "MISSING", _DAMAGE) for s, e in parsed.missing]
    entries.sort()
    return entries


def _begin_before(kinds: dict[tuple[int, int, str], ItemKind], parsed: Parsed) -> None:
    """Let items begin with what stands before them and is part of them: their attributes and labels."""
    before = sorted(parsed.nodes.get("item.before", ()), reverse=True)
    if not before:
        return
    comments = {start: end for start, end, _ in parsed.nodes.get("comment", ())}
    largest: dict[int, tuple[int, int, str]] = {}  # the largest item at a byte
    for node in sorted(kinds):
        if kinds[node] is not _COMMENT:
            largest[node[0]] = node
    for node in before:
        start, at, _ = node
        while at in comments or parsed.source[at : at + 1].isspace():
            at = comments.get(at, at + 1)
        item = largest.get(at)
        if item is not None and node in kinds:
            del kinds[node]
            longer = (start, item[1], item[2])
            kinds[longer] = kinds.pop(item)
            largest[start] = longer


def _sweep(parsed: Parsed, deadline: Deadline) -> tuple[list[_Region], list[Interval]]:
    """Hand every byte of a block to a region, in one pass over its nodes.

    Returns:
        The regions, parents before children, and the pieces that lie in no region.
    """
    source, cut = parsed.source, parsed.cut
    separators = parsed.language.separators
    block_end = parsed.spans[-1].end if cut is None else cut  # what lies behind a cut was not parsed
    regions: list[_Region] = []
    orphans: list[Interval] = []
    # the nodes around: end, the region that owns loose bytes, whether it is a body
    around = [(parsed.spans[-1].end + 1, _NO_REGION, True)]
    fresh = False  # whether the body around has had no item yet
    body_start = 0  # of that body
    at = parsed.spans[0].start  # bytes before this have been handed out
    closed = _NO_REGION  # the region that ended last, comments aside, while no other has begun
    inline_end = 0  # up to here lies a suite on its header's line
    inline: set[int] = set()  # regions with such a suite
    longer: set[int] = set()  # regions with another one
    comments = {end: start for start, end, _ in parsed.nodes.get("comment", ())}
    unfinished: set[int] = set()  # statements that go on behind the cut: they were closed by us, not by themselves
    check_at = 0

    def give(region: int, start: int, end: int) -> None:
        pieces = regions[region].pieces if region != _NO_REGION else orphans
        # no white space around it, no separator
        if end - start > 2 and source[start] > 0x20 and source[start + 1] > 0x20 and source[end - 1] > 0x20:
            pieces.append((start, end))
            return
        piece = source[start:end]
        text = piece.strip()
        if not text:
            return
        begin = start
        start += piece.find(text)
        end = start + len(text)
        if closed not in (_NO_REGION, region) and text[:1] in separators and (len(text) == 1 or text[1] <= 0x20):
            if len(text) > 1:  # a closing bracket, say, which is not part of the item that ended
                pieces.append((end - len(text[1:].lstrip()), end))
                end = start + 1
            pieces = regions[closed].pieces
            if pieces and pieces[-1][1] == start:
                start = pieces.pop()[0]
        if pieces and pieces[-1][1] == begin:  # what comes after an item goes on where that ends
            start = pieces.pop()[0]
        pieces.append((start, end))

    for start, minus_end, what, node, kind in [*_entries(parsed), (block_end, -block_end, _LEAVE, "", _DAMAGE)]:
        if start >= check_at:
            check_at = start + _CHECK_EVERY
            deadline.check()
        while around[-1][0] <= start:
            end, owner, in_body = around.pop()
            if not in_body and at < end:
                give(owner, at, end)
                at = end
            if in_body:
                fresh = False
            elif regions[owner].kind is not _COMMENT:
                closed, fresh = owner, False
        _, owner, in_body = around[-1]
        beyond = -minus_end > block_end
        end = block_end if beyond else -minus_end
        inside = start < inline_end
        if what == _AFTER and closed != _NO_REGION and not inside:
            if at < start:
                give(owner, at, start)
                at = start
            if beyond:
                unfinished.add(closed)
            around.append((end, closed, False))
            continue
        if what in (_ITEM, _AFTER):
            if kind is not _COMMENT:
                if fresh and in_body and owner != _NO_REGION and not inside:
                    open_header = beyond and kind is not _SIMPLE  # who knows where its suite would have stood
                    if not open_header and _is_inline(parsed, kind, start, body_start, around[-1][0], comments):
                        inline.add(owner)
                        inline_end, inside = around[-1][0], True
                    else:
                        longer.add(owner)
                fresh = False
                if inside:
                    if beyond:
                        regions[owner].damaged = True
                    continue
            damaged = False
            if beyond and kind is not _HEADER and kind is not _DEFINITION:
                unfinished.add(len(regions))
        elif what in (_BODY, _BLOCK) and not inside:
            if beyond:  # then what is open in the statements around is this body, as in a header
                unfinished.difference_update(region for _, region, _ in around)
            around.append((end, owner, True))
            fresh = what == _BODY  # what stands in a block stands on no header's line
            body_start = start
            continue
        elif what == _ERROR and in_body and not inside:
            damaged = True
        else:
            if what in (_ERROR, _MISSING) and owner != _NO_REGION:
                regions[owner].damaged = True
            continue
        if at < start:
            give(owner, at, start)
            at = start
        if kind is not _COMMENT:
            closed = _NO_REGION
        around.append((end, len(regions), False))
        regions.append(_Region(kind, node, owner, damaged, []))
    for region in inline - longer:
        regions[region].kind = _INLINE
    for region in unfinished:
        regions[region].damaged = True
    give(_NO_REGION, at, block_end)
    closed = _NO_REGION
    give(_NO_REGION, block_end, parsed.spans[-1].end)
    return regions, orphans


def _is_inline(parsed: Parsed, kind: ItemKind, offset: int, start: int, end: int, comments: dict[int, int]) -> bool:
    """Whether a body whose first statement is at the offset stands on its header's line.

    A body that begins with a simple statement does so as a whole (``if x: y``, however long y is); one in brackets, or one that
    is another compound statement (``else if``), may go on below. Comments at the end, by their ends, do not belong to it.
    """
    while end in comments or (end > offset and parsed.source[end - 1] <= 0x20):
        end = comments.get(end, end - 1)
    if (start < offset or kind is not _SIMPLE) and parsed.lines.of(offset) != parsed.lines.of(end - 1):
        return False
    spans = parsed.spans
    content = spans[0 if len(spans) == 1 else bisect_right(spans, offset, key=lambda span: span.start) - 1].start
    line = parsed.source.rfind(b"\n", 0, offset) + 1
    return bool(parsed.source[max(line, content) : offset].strip())


def _remove_prefixes(regions: list[_Region], orphans: list[Interval], parsed: Parsed) -> None:
    """Cut the prefixes of containers (list items, quotes) out of pieces that run over several lines."""
    starts = [span.start for span in parsed.spans]

    def without(pieces: list[Interval]) -> list[Interval]:
        parts: list[Interval] = []
        for piece in pieces:
            for n in range(max(bisect_right(starts, piece[0]) - 1, 0), len(starts)):
                if starts[n] >= piece[1]:
                    break
                part = trimmed(parsed.source, max(piece[0], starts[n]), min(piece[1], parsed.spans[n].end))
                if part is not None:
                    parts.append(part)
        return parts

    for region in regions:
        region.pieces = without(region.pieces)
    orphans[:] = without(orphans)


def _spread_damage(regions: list[_Region], lines: Lines) -> None:
    """A statement that shares a line with damage is damaged: who knows where it begins."""
    touched = {
        line
        for region in regions
        if region.damaged
        for piece in region.pieces
        for line in range(lines.of(piece[0]), lines.of(piece[1] - 1) + 1)
    }
    for region in regions:
        if region.kind in (_SIMPLE, ItemKind.DOCSTRING) and region.pieces:
            first, last = lines.of(region.pieces[0][0]), lines.of(region.pieces[-1][1] - 1)
            region.damaged = region.damaged or first in touched or last in touched

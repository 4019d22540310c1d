"""Coding items: every byte belongs to the innermost captured node that contains it (METHOD C).

A block is cut into *regions*, the intervals of captured nodes. What is left of a region without the regions nested in it, trimmed of
white space, are the spans of its item; so items tile by construction, whatever the tree looks like. A region that is damaged, because
an ERROR or MISSING node lies in its own part, becomes one error item per line, and what was nested in it moves up to the next good item.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from codeblock.analyze.core import CoreTokens
from codeblock.analyze.parse import Parsed
from codeblock.spans import ByteSpan
from codeblock.types import CODE_KINDS, CodeItem, ItemKind

_KIND_OF_CAPTURE = {
    "item": ItemKind.SIMPLE,
    "item.header": ItemKind.HEADER,
    "item.definition": ItemKind.DEFINITION,
    "comment": ItemKind.COMMENT,
    "item.docstring": ItemKind.DOCSTRING,  # last: it is an @item too
}
_BODY, _ERROR, _ITEM, _MISSING = range(4)  # also the order, outermost first, of nodes with the same interval
_Entry = tuple[int, int, int, str, ItemKind]  # start, -end, one of the above, kind of node, kind of item
_NO_REGION = -1


class Lines:
    """Line numbers of one text.

    Args:
        source: the text; lines end at LF.
    """

    __slots__ = ("_starts",)

    def __init__(self, source: bytes) -> None:
        self._starts = [0]
        at = source.find(b"\n")
        while at >= 0:
            self._starts.append(at + 1)
            at = source.find(b"\n", at + 1)

    def of(self, offset: int) -> int:
        """The line of a byte, from 1."""
        return bisect_right(self._starts, offset)


@dataclass(slots=True)
class _Region:
    """An interval that owns bytes."""

    kind: ItemKind
    node: str
    end: int
    parent: int
    damaged: bool = False
    pieces: list[ByteSpan] = field(default_factory=list[ByteSpan])


@dataclass(slots=True)
class _Open:
    """A node that the sweep is inside of: a region, or a body, whose loose bytes are its owner's."""

    end: int
    region: int
    body: bool
    empty: bool = True  # of a body: no item seen yet


def build_items(parsed: Parsed, segment: int, base: int, lines: Lines) -> list[CodeItem]:
    """Cut one block into items.

    Args:
        parsed: the block.
        segment: index of its segment.
        base: index of its first item in the sample.
        lines: of its response.

    Returns:
        The items, in order of their first byte.
    """
    regions, orphans = _Sweep(parsed).run()
    _spread_damage(regions, lines)
    core = CoreTokens(parsed)
    # (first byte, spans, region): an error line takes kind and node from what it is, place and parent from its region
    rows: list[tuple[int, list[ByteSpan], int, bool]] = []
    damaged: dict[int, tuple[list[ByteSpan], int]] = {}
    for index, region in enumerate(regions):
        if region.damaged:
            for piece in region.pieces:
                _add_lines(damaged, piece, index, parsed.source, lines)
        elif region.pieces:
            rows.append((region.pieces[0].start, region.pieces, index, False))
    for piece in orphans:
        _add_lines(damaged, piece, _NO_REGION, parsed.source, lines)
    rows.extend((pieces[0].start, sorted(pieces), index, True) for pieces, index in damaged.values())
    rows.sort()

    position = {index: base + n for n, (_, _, index, is_error) in enumerate(rows) if not is_error}
    items: list[CodeItem] = []
    for first, spans, index, is_error in rows:
        parent = regions[index].parent if index != _NO_REGION else _NO_REGION
        while parent != _NO_REGION and parent not in position:
            parent = regions[parent].parent
        above = position[parent] if parent != _NO_REGION else None
        kind = ItemKind.ERROR if is_error else regions[index].kind
        tokens = [t for span in spans for t in core.within(span)] if kind in CODE_KINDS else []
        items.append(
            CodeItem(
                segment=segment,
                kind=kind,
                node="ERROR" if is_error else regions[index].node,
                spans=tuple(spans),
                core=tuple(tokens),
                parent=above,
                depth=0 if above is None else items[above - base].depth + 1,
                line=lines.of(first),
                end_line=lines.of(spans[-1].end - 1),
            )
        )
    return items


def _entries(parsed: Parsed) -> list[_Entry]:
    """All nodes that matter, sorted so that a node comes before what it contains."""
    if parsed.captures is None:
        return []
    kinds: dict[tuple[int, int, str], ItemKind] = {}
    for name, kind in _KIND_OF_CAPTURE.items():
        for node in parsed.captures.get(name, ()):
            kinds[node] = kind
    for node in parsed.captures.get("item.absorb", ()):
        kinds.pop(node, None)
    entries: list[_Entry] = [(s, -e, _ITEM, node, kind) for (s, e, node), kind in kinds.items() if s < e]
    entries += [(s, -e, _BODY, node, ItemKind.HEADER) for s, e, node in parsed.captures.get("body", ()) if s < e]
    entries += [(s, -e, _ERROR, "ERROR", ItemKind.ERROR) for s, e in parsed.errors if s < e]
    # a token is missed where the one before it ends
    entries += [(s if s < e else max(s - 1, 0), -e, _MISSING, "MISSING", ItemKind.ERROR) for s, e in parsed.missing]
    entries.sort()
    return entries


class _Sweep:
    """One pass over the nodes of a block that hands every byte to a region."""

    def __init__(self, parsed: Parsed) -> None:
        self._parsed = parsed
        self._source = parsed.source
        self._regions: list[_Region] = []
        self._orphans: list[ByteSpan] = []  # pieces that lie in no region
        self._open: list[_Open] = []
        self._end = parsed.spans[-1].end if parsed.cut is None else parsed.cut  # what lies behind was not parsed
        self._at = parsed.spans[0].start  # bytes before this have been handed out
        self._closed = _NO_REGION  # the region that ended last, while no other has begun
        self._inline_end = 0  # up to here lies a suite on its header's line

    def run(self) -> tuple[list[_Region], list[ByteSpan]]:
        """Return the regions, parents before children, and the pieces that lie in none."""
        for start, minus_end, what, node, kind in _entries(self._parsed):
            end = min(-minus_end, self._end)
            self._close_until(start)
            top = self._open[-1] if self._open else None
            if what == _ITEM:
                if kind != ItemKind.COMMENT:
                    if start < self._inline_end or self._begins_inline_suite(top, start):
                        self._mark_cut(self._open[-1].region, -minus_end)
                        continue
                region = self._begin(start, end, node, kind, top)
                if kind not in (ItemKind.HEADER, ItemKind.DEFINITION):
                    self._mark_cut(region, -minus_end)
            elif what == _BODY:
                if start >= self._inline_end:
                    self._open.append(_Open(end, top.region if top else _NO_REGION, body=True))
            elif what == _ERROR and start >= self._inline_end and (top is None or top.body):
                self._begin(start, end, node, kind, top)
            elif top is not None and top.region != _NO_REGION:
                self._regions[top.region].damaged = True
        self._close_until(self._parsed.spans[-1].end)
        self._give(_NO_REGION, self._at, self._parsed.spans[-1].end)
        return self._regions, self._orphans

    def _begin(self, start: int, end: int, node: str, kind: ItemKind, top: _Open | None) -> int:
        """Open a region and return its index."""
        parent = top.region if top else _NO_REGION
        self._give(parent, self._at, start)
        self._at = start
        self._closed = _NO_REGION
        index = len(self._regions)
        self._regions.append(_Region(kind, node, end, parent, damaged=kind == ItemKind.ERROR))
        self._open.append(_Open(end, index, body=False))
        return index

    def _mark_cut(self, region: int, end: int) -> None:
        """A statement that goes on behind the cut was closed by us, not by itself."""
        cut = self._parsed.cut
        if cut is not None and end > cut and region != _NO_REGION:
            self._regions[region].damaged = True

    def _begins_inline_suite(self, top: _Open | None, start: int) -> bool:
        """Whether this item is the first of a body and stands on its header's line; then the whole body is its header's."""
        if top is None or not top.body or not top.empty or top.region == _NO_REGION:
            return False
        top.empty = False
        line = self._source.rfind(b"\n", 0, start) + 1
        if not self._source[max(line, self._line_content(start)) : start].strip():
            return False
        self._regions[top.region].kind = ItemKind.INLINE
        self._inline_end = top.end
        return True

    def _line_content(self, offset: int) -> int:
        """Where the content of the offset's line begins, behind the prefixes of its containers."""
        spans = self._parsed.spans
        return spans[bisect_right(spans, (offset, 1 << 62)) - 1].start if len(spans) > 1 else spans[0].start

    def _close_until(self, offset: int) -> None:
        """Leave the nodes that end at or before the offset."""
        while self._open and self._open[-1].end <= offset:
            top = self._open.pop()
            if not top.body:
                self._give(top.region, self._at, top.end)
                self._at = max(self._at, top.end)
                self._closed = top.region

    def _give(self, region: int, start: int, end: int) -> None:
        """Hand bytes to a region, without the white space around them."""
        piece = self._source[start:end]
        text = piece.strip()
        if not text:
            return
        if text in self._parsed.language.separators and self._closed != _NO_REGION:
            if self._regions[self._closed].kind != ItemKind.COMMENT:
                region = self._closed
        start += len(piece) - len(piece.lstrip())
        whole = ByteSpan(start, start + len(text))
        pieces = self._regions[region].pieces if region != _NO_REGION else self._orphans
        if len(self._parsed.spans) == 1:
            pieces.append(whole)
        else:
            pieces.extend(self._without_prefixes(whole))

    def _without_prefixes(self, piece: ByteSpan) -> list[ByteSpan]:
        """The piece line by line, without the prefixes of its containers."""
        spans = self._parsed.spans
        parts: list[ByteSpan] = []
        for n in range(max(bisect_right(spans, (piece.start, 1 << 62)) - 1, 0), len(spans)):
            if spans[n].start >= piece.end:
                break
            part = _trimmed(self._source, max(piece.start, spans[n].start), min(piece.end, spans[n].end))
            if part is not None:
                parts.append(part)
        return parts


def _trimmed(source: bytes, start: int, end: int) -> ByteSpan | None:
    """The bytes without the white space around them, None if nothing is left."""
    piece = source[start:end]
    left = len(piece) - len(piece.lstrip())
    right = len(piece.rstrip())
    return ByteSpan(start + left, start + right) if left < right else None


def _spread_damage(regions: list[_Region], lines: Lines) -> None:
    """A statement that shares a line with damage is damaged: who knows where it begins."""
    touched = {
        line
        for region in regions
        if region.damaged
        for piece in region.pieces
        for line in range(lines.of(piece.start), lines.of(piece.end - 1) + 1)
    }
    if not touched:
        return
    for region in regions:
        if region.kind in (ItemKind.SIMPLE, ItemKind.DOCSTRING) and region.pieces:
            if lines.of(region.pieces[0].start) in touched or lines.of(region.pieces[-1].end - 1) in touched:
                region.damaged = True


def _add_lines(damaged: dict[int, tuple[list[ByteSpan], int]], piece: ByteSpan, region: int, source: bytes, lines: Lines) -> None:
    """Add a damaged piece to its lines; what several regions hold of one line becomes one item."""
    start = piece.start
    while start < piece.end:
        end = source.find(b"\n", start, piece.end)
        end = piece.end if end < 0 else end + 1
        part = _trimmed(source, start, end)
        if part is not None:
            damaged.setdefault(lines.of(part.start), ([], region))[0].append(part)
        start = end

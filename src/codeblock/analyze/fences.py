"""Fenced code blocks of a Markdown text, as CommonMark has them, with two concessions to how models write.

A line scanner: it follows block quotes and list items, because these decide where a fence may begin and what is stripped from
    the lines of its content; everything else is text. Where it is more generous than CommonMark:

- a line that is indented less than its list item does not end the fence, if a closing fence is what comes next;
- a closing fence inside an unfinished string of the block's language is text (`scan` asks its caller whether a block is
finished).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

from codeblock.spans import ByteSpan

_FENCE = re.compile(rb"(`{3,}|~{3,})([^\r\n]*)")
_MARKER = re.compile(rb"([-+*]|\d{1,9}[.)])(?=[ \t\r\n]|$)")
_ANY_FENCE = re.compile(rb"```|~~~")
_QUOTE = -1  # a block quote among containers; a list item is the width of its indentation
_TAB = 4
_MAX_CLOSERS = 4  # closing fences that are tried for a block whose first one leaves it unfinished
Finished = Callable[[str, tuple[ByteSpan, ...], bool], bool]


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block.

    Attributes:
        info: its info string.
        spans: its content, without fences and without the prefixes of its containers; neighbouring spans are joined.
        start: first byte of the opening fence's line.
        end: behind the closing fence's line, or behind the last line of the content.
        closed: whether it has a closing fence.
    """

    info: str
    spans: tuple[ByteSpan, ...]
    start: int
    end: int
    closed: bool


def scan(source: bytes, finished: Finished) -> list[Fence]:
    """Find the fenced blocks of a text.

    Args:
        source: the text in UTF-8.
        finished: given an info string, a block's content, and whether a closing fence in it was passed over, whether it can end
            there.
    """
    if not _ANY_FENCE.search(source):
        return []
    lines: list[tuple[int, int]] = []
    start = 0
    for line in source.splitlines(keepends=True) if b"\r" not in source else re.findall(rb"[^\n]*\n|[^\n]+", source):
        lines.append((start, start + len(line)))
        start += len(line)
    return _Scanner(source, lines, finished).run()


@dataclass(slots=True)
class _Place:
    """A position in a line, with its column, tabs being 4 wide."""

    at: int
    column: int


class _Scanner:
    """The state of one scan."""

    def __init__(self, source: bytes, lines: list[tuple[int, int]], finished: Finished) -> None:
        self._source = source
        self._lines = lines
        self._finished = finished
        self._containers: list[int] = []
        self._paragraph = False  # the line before was text that a lazy line may continue
        self._with_fence: dict[bytes, list[int]] | None = None  # numbers of the lines that begin with a fence, if asked for

    def run(self) -> list[Fence]:
        fences: list[Fence] = []
        number = 0
        while number < len(self._lines):
            opening = self._opening(number)
            if opening is None:
                number += 1
                continue
            fence, number = self._block(number, *opening)
            fences.append(fence)
            self._paragraph = False
        return fences

    def _opening(self, number: int) -> tuple[bytes, str, int] | None:
        """Read a line outside fences; return fence, info string and indentation if it opens one."""
        start, end = self._lines[number]
        blank = not self._source[start:end].strip()
        place = _Place(start, 0)
        matched = self._match_containers(place, end, blank)
        if blank:
            del self._containers[matched:]
            self._paragraph = False
            return None
        kept = self._containers[:matched]
        while True:
            indent = self._indent(place, end)
            at = place.at + indent[0]
            if indent[1] > 3:
                break
            marker = _MARKER.match(self._source, at, end)
            if self._source[at : at + 1] == b">":
                kept.append(_QUOTE)
                self._advance(place, indent[0] + 1)
                self._skip_one(place, end)
            elif marker:
                before = place.column
                self._advance(place, marker.end() - place.at)
                after = self._indent(place, end)
                spaces = after[1] if 1 <= after[1] <= 4 and self._source[place.at : end].strip() else 1
                kept.append(place.column + spaces - before)
                self._skip_columns(place, end, spaces)
            else:
                break
        indent = self._indent(place, end)
        fence = _FENCE.match(self._source, place.at + indent[0], end) if indent[1] <= 3 else None
        if fence and fence[1][:1] == b"`" and b"`" in fence[2]:
            fence = None
        lazy = self._paragraph and fence is None and len(kept) == matched
        if not lazy:
            self._containers = kept
        self._paragraph = fence is None
        if fence is None:
            return None
        return fence[1], fence[2].decode("utf-8", "replace").strip(), indent[1]

    def _block(self, number: int, fence: bytes, info: str, indent: int) -> tuple[Fence, int]:
        """Read a block from its opening line; return it and the number of the line behind it."""
        first = self._lines[number][0]
        content: list[ByteSpan] = []
        generous: bool | None = None  # whether lines outside the list item are still content; None until there is one
        outside: bool | None = None  # whether the first line is outside; then the list's indentation is part of the content
        tries = 0
        closing: tuple[Fence, int] | None = None  # where the block ends if no later closing fence finishes it
        n = number + 1
        while n < len(self._lines):
            start, end = self._lines[n]
            place = _Place(start, 0)
            blank = not self._source[start:end].strip()
            matched = self._match_containers(place, end, blank)
            if matched < len(self._containers) and not blank:
                if _QUOTE in self._containers[matched:]:
                    break
                if generous is None:
                    generous = self._closes_next(n, fence)
                if not generous:
                    break
                outside = outside is None or outside
            elif matched < len(self._containers) and _QUOTE in self._containers[matched:]:
                break
            if self._is_closing(place, end, fence):
                done = Fence(info, _joined(content), first, end, closed=True)
                if self._finished(info, done.spans, closing is not None):
                    return done, n + 1
                closing = closing or (done, n + 1)
                tries += 1
                if tries == _MAX_CLOSERS:
                    return closing
            if not blank:
                outside = bool(outside)
            if outside and _QUOTE not in self._containers:
                place = _Place(start, 0)
            self._skip_columns(place, end, min(indent, self._indent(place, end)[1]))
            if place.at < end:
                content.append(ByteSpan(place.at, end))
            n += 1
        if closing is not None:
            return closing
        last = self._lines[n - 1][1]
        return Fence(info, _joined(content), first, last, closed=False), n

    def _closes_next(self, number: int, fence: bytes) -> bool:
        """Whether the next line with a fence closes this one."""
        if self._with_fence is None:
            self._with_fence = {b"`": [], b"~": []}
            for n, (start, end) in enumerate(self._lines):
                text = self._source[start:end].lstrip()
                if text[:3] in (b"```", b"~~~"):
                    self._with_fence[text[:1]].append(n)
        candidates = self._with_fence[fence[:1]]
        at = bisect_left(candidates, number)
        if at == len(candidates):
            return False
        start, end = self._lines[candidates[at]]
        text = self._source[start:end].strip()
        return len(text) >= len(fence) and not text.strip(fence[:1])

    def _is_closing(self, place: _Place, end: int, fence: bytes) -> bool:
        width, columns = self._indent(place, end)
        text = self._source[place.at + width : end].rstrip()
        return columns <= 3 and len(text) >= len(fence) and text[:1] == fence[:1] and not text.strip(fence[:1])

    def _match_containers(self, place: _Place, end: int, blank: bool) -> int:
        """Go behind the prefixes of the open containers; return how many of them the line continues."""
        for n, container in enumerate(self._containers):
            width, columns = self._indent(place, end)
            if container == _QUOTE:
                if columns > 3 or self._source[place.at + width : place.at + width + 1] != b">":
                    return n
                self._advance(place, width + 1)
                self._skip_one(place, end)
            elif columns >= container:
                self._skip_columns(place, end, container)
            elif not blank:
                return n
        return len(self._containers)

    def _indent(self, place: _Place, end: int) -> tuple[int, int]:
        """White space ahead, in bytes and in columns."""
        at, column = place.at, place.column
        while at < end and self._source[at] in b" \t":
            column += 1 if self._source[at] == 0x20 else _TAB - column % _TAB
            at += 1
        return at - place.at, column - place.column

    def _advance(self, place: _Place, count: int) -> None:
        for _ in range(count):
            place.column += _TAB - place.column % _TAB if self._source[place.at] == 0x09 else 1
            place.at += 1

    def _skip_one(self, place: _Place, end: int) -> None:
        if place.at < end and self._source[place.at] in b" \t":
            self._advance(place, 1)

    def _skip_columns(self, place: _Place, end: int, columns: int) -> None:
        """Go over white space of at most so many columns; a tab that is wider is not split."""
        goal = place.column + columns
        while place.at < end and self._source[place.at] in b" \t":
            width = 1 if self._source[place.at] == 0x20 else _TAB - place.column % _TAB
            if place.column + width > goal:
                return
            self._advance(place, 1)


def _joined(spans: list[ByteSpan]) -> tuple[ByteSpan, ...]:
    """The spans with neighbours joined."""
    joined: list[ByteSpan] = []
    for span in spans:
        if joined and joined[-1].end == span.start:
            joined[-1] = ByteSpan(joined[-1].start, span.end)
        else:
            joined.append(span)
    return tuple(joined)

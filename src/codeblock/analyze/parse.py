"""One code block through Tree-sitter, to plain offsets.

The block is parsed in place: the parser sees the whole response with the block's spans as its included ranges, so every offset
    is one of the response. Code that stops in the middle is closed before it is parsed for good: its last, partial line is cut
    off and the brackets and strings that are open there are closed. Nothing of Tree-sitter leaves this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tree_sitter

from codeblock.analyze.deadline import Deadline
from codeblock.analyze.lines import Lines
from codeblock.errors import AnalysisTimeout
from codeblock.languages.loader import Language
from codeblock.spans import ByteSpan

MAX_DEPTH = 10_000  # a query loses captures below a depth of 2 ** 16 without a word, and takes minutes to do so
MAX_ERROR_CHILDREN = 5_000  # a query takes time quadratic in the children of one ERROR node
_ITEM_CAPTURES = ("item", "comment")  # the beginnings of their names
_NAME_CAPTURES = ("def", "mut", "call", "ignore")
_CHUNK = 1 << 16
_SHORT = 1 << 13  # bytes that never take long to parse
_CHECK_EVERY = 1 << 14  # bytes

Interval = tuple[int, int]
Captured = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Parsed:
    """A code block as offsets into its response.

    Attributes:
        source: the whole response.
        lines: of the response.
        spans: the block's content, one span or one per line.
        language: its language.
        leaves, kinds: parallel, one entry per leaf in order: where it lies and the id of its kind.
        errors: ERROR nodes, outer before inner.
        missing: the nodes that lack a token.
        nodes: per capture name of items, the captured nodes as (start, end, kind); nothing where the block must not be queried.
        names: per capture name of identifiers, their first bytes.
        captures: per other capture name, the captured nodes as (start, end).
        cut: where the code was closed, if it was: what follows was not parsed, and nodes that end there may have been closed by
            us.
        error_bytes: bytes of damaged code, plus one for each missing token.
        unfinished: whether a string is open at the end.
    """

    source: bytes
    lines: Lines
    spans: tuple[ByteSpan, ...]
    language: Language
    leaves: list[Interval]
    kinds: list[int]
    errors: list[Interval]
    missing: list[Interval]
    nodes: dict[str, list[Captured]]
    names: dict[str, list[int]]
    captures: dict[str, list[Interval]]
    cut: int | None
    error_bytes: int
    unfinished: bool


@dataclass(slots=True)
class _Flat:
    """The leaves and the damage of one tree, in order."""

    leaves: list[Interval]
    kinds: list[int]
    errors: list[Interval]
    missing: list[Interval]
    unfit: bool  # too deep, or an error too wide, for a query

    def error_bytes(self) -> int:
        """Bytes inside outermost ERROR nodes, plus one for each missing token."""
        total, end = len(self.missing), 0
        for start, stop in self.errors:
            if start >= end:
                total += stop - start
                end = stop
        return total


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One parse of the block: what was parsed, up to where it is the response's own text, and how it went."""

    tree: tree_sitter.Tree
    flat: _Flat
    cut: int | None
    error_bytes: int


def parse(source: bytes, lines: Lines, spans: Sequence[ByteSpan], language: Language, deadline: Deadline) -> Parsed:
    """Parse one code block of a response.

    Args:
        source: the whole response in UTF-8.
        lines: of the response.
        spans: the block's content, not empty.
        language: to parse it as.
        deadline: for the whole sample.

    Raises:
        AnalysisTimeout: the deadline passed.
    """
    attempt = _attempt(source, lines, spans, None, b"", language, deadline)
    unfinished = bool(attempt.error_bytes) and _open_at(attempt.flat, source, spans[-1].end, language)[1] is not None
    if unfinished or (attempt.error_bytes and _damaged_at_end(attempt.flat, source, spans[-1].end)):
        attempt = min((attempt, *_closed(attempt.flat, source, lines, spans, language, deadline)), key=lambda a: a.error_bytes)
    flat, cut = attempt.flat, attempt.cut
    nodes, names, captures = ({}, {}, {}) if flat.unfit else _captures(attempt.tree, language, cut, deadline)
    if cut is not None:
        _forget_after(flat, cut)
    return Parsed(
        source,
        lines,
        tuple(spans),
        language,
        flat.leaves,
        flat.kinds,
        flat.errors,
        flat.missing,
        nodes,
        names,
        captures,
        cut,
        attempt.error_bytes,
        unfinished,
    )


def _attempt(
    source: bytes,
    lines: Lines,
    spans: Sequence[ByteSpan],
    cut: int | None,
    closers: bytes,
    language: Language,
    deadline: Deadline,
) -> _Attempt:
    """Parse the spans up to `cut`, with `closers` appended there; what is cut off counts as damaged."""
    end = spans[-1].end
    if cut is None:
        tree = _parse_ranges(source, lines, spans, language, deadline)
        flat = _flatten(tree, language, deadline)
        return _Attempt(tree, flat, None, flat.error_bytes())
    kept = [ByteSpan(s.start, min(s.end, cut)) for s in spans if s.start < cut]
    if kept[-1].end == cut:
        kept[-1] = ByteSpan(kept[-1].start, cut + len(closers))
    else:  # a container's prefix lies between
        kept.append(ByteSpan(cut, cut + len(closers)))
    tree = _parse_ranges(source[:cut] + closers, lines, kept, language, deadline)
    flat = _flatten(tree, language, deadline)
    return _Attempt(tree, flat, cut, flat.error_bytes() + len(source[cut:end].strip()))


def _parse_ranges(
    source: bytes, lines: Lines, spans: Sequence[ByteSpan], language: Language, deadline: Deadline
) -> tree_sitter.Tree:
    """Parse, giving up when the deadline passes."""
    parser = tree_sitter.Parser(language.grammar)
    if len(spans) > 1 or spans[0] != (0, len(source)):
        parser.included_ranges = [
            tree_sitter.Range(_point(lines, span.start), _point(lines, span.end), span.start, span.end) for span in spans
        ]
    if spans[-1].end - spans[0].start < _SHORT:
        return parser.parse(source)
    try:
        return parser.parse(
            lambda offset, _: source[offset : offset + _CHUNK], progress_callback=lambda _offset, _error: deadline.passed()
        )
    except ValueError:  # the binding's way to say that the callback stopped it
        deadline.check()
        raise AnalysisTimeout("the parser gave up") from None


def _point(lines: Lines, offset: int) -> tree_sitter.Point:
    """A byte as row and column."""
    row = lines.of(offset) - 1
    return tree_sitter.Point(row, offset - lines.starts[row])


def _flatten(tree: tree_sitter.Tree, language: Language, deadline: Deadline) -> _Flat:
    """Walk the tree once. The walk keeps no nodes and does not recurse: trees can be 100,000 levels deep."""
    leaves: list[Interval] = []
    kinds: list[int] = []
    is_inside = language.is_inside
    damage = _Damage() if tree.root_node.has_error else None
    depth = deepest = 0
    check_at = _CHECK_EVERY
    cursor = tree.walk()
    down, right, up = cursor.goto_first_child, cursor.goto_next_sibling, cursor.goto_parent
    while True:
        if damage is not None:
            damage.enter(cursor)
        if down():
            depth += 1
            continue
        if depth > deepest:
            deepest = depth
        node = cursor.node
        assert node is not None
        kind = node.kind_id
        if is_inside[kind] and (damage is None or damage.is_sound_above()) and up():
            depth -= 1
            if damage is not None:
                damage.leave()
            node = cursor.node
            assert node is not None
            kind = node.kind_id
        start, end = span = node.byte_range
        if start < end:
            leaves.append(span)
            kinds.append(kind)
        if damage is not None:
            damage.leave()
        while not right():
            if not up():
                if damage is None:
                    return _Flat(leaves, kinds, [], [], deepest > MAX_DEPTH)
                return _Flat(leaves, kinds, damage.errors, damage.missing, damage.wide or deepest > MAX_DEPTH)
            depth -= 1
            if damage is not None:
                damage.leave()
        if end > check_at:
            check_at = end + _CHECK_EVERY
            deadline.check()


class _Damage:
    """The ERROR and MISSING nodes that a walk comes across."""

    __slots__ = ("_around", "errors", "missing", "wide")

    def __init__(self) -> None:
        self.errors: list[Interval] = []
        self.missing: list[Interval] = []
        self.wide = False
        self._around: list[tuple[Interval, bool]] = []  # the nodes around, and whether they are an ERROR

    def enter(self, cursor: tree_sitter.TreeCursor) -> None:
        """Come to a node."""
        node = cursor.node
        assert node is not None
        if node.is_error:
            self.errors.append(node.byte_range)
            self.wide = self.wide or node.child_count > MAX_ERROR_CHILDREN
        elif node.is_missing:
            self.missing.append(self._around[-1][0])
        self._around.append((node.byte_range, node.is_error))

    def leave(self) -> None:
        """Go back to the node around."""
        self._around.pop()

    def is_sound_above(self) -> bool:
        """Whether the parent of the present node is no ERROR."""
        return len(self._around) > 1 and not self._around[-2][1]


def _captures(
    tree: tree_sitter.Tree, language: Language, cut: int | None, deadline: Deadline
) -> tuple[dict[str, list[Captured]], dict[str, list[int]], dict[str, list[Interval]]]:
    """Run the language's query and read its nodes off; nodes that are not of the response's own text are left out."""
    nodes: dict[str, list[Captured]] = {}
    names: dict[str, list[int]] = {}
    captures: dict[str, list[Interval]] = {}
    for name, captured in tree_sitter.QueryCursor(language.query).captures(tree.root_node).items():
        if cut is not None:
            captured = [node for node in captured if node.start_byte < cut]
        if name.startswith(_ITEM_CAPTURES):
            nodes[name] = [(node.start_byte, node.end_byte, node.type) for node in captured]
        elif name.startswith(_NAME_CAPTURES):
            names[name] = [node.start_byte for node in captured]
        else:
            captures[name] = [node.byte_range for node in captured]
        deadline.check()
    return nodes, names, captures


def _damaged_at_end(flat: _Flat, source: bytes, end: int) -> bool:
    """Whether damage reaches the last line that is not blank."""
    line = source.rfind(b"\n", 0, len(source[:end].rstrip())) + 1
    return any(stop > line for _, stop in (*flat.errors, *flat.missing))


def _closed(
    flat: _Flat, source: bytes, lines: Lines, spans: Sequence[ByteSpan], language: Language, deadline: Deadline
) -> list[_Attempt]:
    """Parse the block again with its open brackets and strings closed: as it is, and without its last line."""
    end = len(source[: spans[-1].end].rstrip())
    attempts: list[_Attempt] = []
    for cut in (end, source.rfind(b"\n", 0, end) + 1):
        brackets, string = _open_at(flat, source, cut, language)
        closers = (string or b"") + b"".join(reversed(brackets))
        if (closers or cut < end) and cut > spans[0].start:
            attempts.append(_attempt(source, lines, spans, cut, closers, language, deadline))
    return attempts


def _open_at(flat: _Flat, source: bytes, cut: int, language: Language) -> tuple[list[bytes], bytes | None]:
    """What would close the brackets (outermost first) and the string that are open at `cut`."""
    last_line = source.rfind(b"\n", 0, len(source[:cut].rstrip())) + 1
    brackets: list[bytes] = []
    string: bytes | None = None
    for (start, end), kind in zip(flat.leaves, flat.kinds, strict=True):
        if end > cut:
            break
        if kind in language.string_end:
            string = None
        elif string is not None:  # whatever the parser took it for, it is text
            continue
        elif kind in language.string_start:
            delimiter = source[start:end].lstrip(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
            if delimiter in language.multiline or start >= last_line:
                string = delimiter
        elif kind in language.closers:
            brackets.append(language.closers[kind])
        elif kind in language.closing and brackets and brackets[-1] == source[start:end]:
            brackets.pop()
    return brackets, string


def _forget_after(flat: _Flat, cut: int) -> None:
    """Drop what lies after the cut, which is ours, and end there what crosses it."""
    leaves = flat.leaves
    while leaves and leaves[-1][0] >= cut:
        leaves.pop()
        flat.kinds.pop()
    if leaves and leaves[-1][1] > cut:
        leaves[-1] = (leaves[-1][0], cut)
    flat.errors = [(start, min(end, cut)) for start, end in flat.errors if start < cut]
    flat.missing = [(start, min(end, cut)) for start, end in flat.missing if start < cut]

"""One code block through Tree-sitter, to plain offsets.

The block is parsed in place: the parser sees the whole response with the block's spans as its included ranges, so every offset
is one of the response. Code that stops in the middle is closed before it is parsed for good: its last, partial line is cut off
and the brackets and strings that are open there are closed. Nothing of Tree-sitter leaves this module.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import tree_sitter

from codeblock.analyze.deadline import Deadline
from codeblock.analyze.lines import Lines
from codeblock.errors import AnalysisTimeout
from codeblock.languages.loader import ACCESS, CORE, INSIDE, NAME, WORD, Language, compile_query
from codeblock.spans import ByteSpan

MAX_DEPTH = 4_000  # a query may take time quadratic in the depth, and below one of 2 ** 16 it loses captures without a word
MAX_ERROR_CHILDREN = 5_000  # a query takes time quadratic in the children of one ERROR node
_ITEM_CAPTURES = ("item", "comment")  # the beginnings of their names
_NAME_CAPTURES = ("def", "call", "ignore", "within", "receiver", "result")
_MEMBER = re.compile(rb"\W*(\w+!?)")  # its name, behind what it is a member of
_BASE = re.compile(rb"[^*&(\s]")  # what `*a = 1` and `(*a).b = 1` change begins there
_CALL = re.compile(rb"[\w$]+\s*\(")  # a name that is called, whose value is nobody's
_CLAUSES = ("flow.alt", "flow.alt.total", "flow.handler", "flow.post", "flow.finally")  # what ends a run of statements
_VALUE = re.compile(rb"[\w\x80-\xff\"')\]}?!]")  # what a value may end with
_NAME = re.compile(rb"[A-Za-z_\x80-\xff][\w\x80-\xff]*")
_CHUNK = 1 << 16
_SHORT = 1 << 13  # bytes that never take long to parse, in most grammars
_CHECK_EVERY = 1 << 12  # leaves

_compiled: dict[tuple[str, str], tree_sitter.Query] = {}  # by the names and queries of languages

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
        core: the leaves that are core tokens, in order.
        identifiers: those of them that name variables.
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
    core: list[Interval]
    identifiers: list[Interval]
    errors: list[Interval]
    missing: list[Interval]
    nodes: dict[str, list[Captured]]
    names: dict[str, list[int]]
    captures: dict[str, list[Interval]]
    cut: int | None
    error_bytes: int
    unfinished: bool


@dataclass(slots=True)
class _Damage:
    """What is broken in one tree; nothing in a sound one.

    Attributes:
        errors: ERROR nodes, outer before inner.
        missing: the nodes that lack a token.
        short: whether the brackets behind a cut lack a token.
        wide: whether an ERROR node has too many children for a query.
        leaves: all leaves with the ids of their kinds.
        loose: leaves that would be a part of their parent's token, if that were not an ERROR node.
    """

    errors: list[Interval] = field(default_factory=list[Interval])
    missing: list[Interval] = field(default_factory=list[Interval])
    short: bool = False
    wide: bool = False
    leaves: list[tuple[Interval, int]] = field(default_factory=list[tuple[Interval, int]])
    loose: set[Interval] = field(default_factory=set[Interval])

    def bytes(self) -> int:
        """Bytes inside outermost ERROR nodes, plus one for each missing token."""
        total, end = len(self.missing), 0
        for start, stop in self.errors:
            if start >= end:
                total += stop - start
                end = stop
        return total


@dataclass(frozen=True, slots=True)
class _Tree:
    """One parse of the block: what was parsed, up to where it is the response's own text, and how it went."""

    tree: tree_sitter.Tree
    damage: _Damage
    cut: int | None
    error_bytes: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """A code block parsed as code of one language, whose tree `read` reads off.

    Attributes:
        source: the whole response.
        lines: of the response.
        spans: the block's content.
        language: that it was parsed as.
        best: the parse with the least damage.
        unfinished: whether a string is open at the end.
    """

    source: bytes
    lines: Lines
    spans: tuple[ByteSpan, ...]
    language: Language
    best: _Tree
    unfinished: bool

    @property
    def error_bytes(self) -> int:
        """Bytes of damaged code, plus one for each missing token."""
        return self.best.error_bytes


def attempt(source: bytes, lines: Lines, spans: Sequence[ByteSpan], language: Language, deadline: Deadline) -> Attempt:
    """Parse one code block of a response, closed where it stops in the middle.

    Args:
        source: the whole response in UTF-8.
        lines: of the response.
        spans: the block's content, not empty.
        language: to parse it as.
        deadline: for the whole sample.

    Raises:
        AnalysisTimeout: the deadline passed.
    """
    best = _parse_up_to(None, b"", source, lines, spans, language, deadline)
    unfinished = bool(best.error_bytes) and _open_at(best.damage, source, spans[-1].end, language)[1] is not None
    if unfinished or (best.error_bytes and _damaged_at_end(best.damage, source, spans[-1].end, language)):
        closed = _closed(best.damage, source, lines, spans, language, deadline)
        best = min((best, *closed), key=lambda tree: (tree.error_bytes, tree.damage.bytes()))  # better behind the cut than before
    return Attempt(source, lines, tuple(spans), language, best, unfinished)


def read(attempt: Attempt, deadline: Deadline) -> Parsed:
    """Read the tree of a code block off.

    Raises:
        AnalysisTimeout: the deadline passed.
        UsageError: the language's query is faulty.
    """
    source, language, tree = attempt.source, attempt.language, attempt.best
    damage, cut = tree.damage, tree.cut
    core, identifiers, behind, depth = _tokens(tree.tree, language, damage.loose, deadline)
    unfit = damage.wide or depth > MAX_DEPTH
    nodes, names, captures = ({}, {}, {}) if unfit else _captures(tree.tree, source, language, cut, deadline)
    # behind a sign stand members, but also the names of functions (`def self.f`)
    named = {start for name, starts in names.items() if ".outer" in name for start in starts}
    found = [span for span in behind if span[0] in named]
    if words := captures.pop("name", None):
        core, found = _with_names(core, words, source, found)
    if found:
        identifiers = sorted(identifiers + found)
    return Parsed(
        source,
        attempt.lines,
        attempt.spans,
        language,
        _before(core, cut),
        _before(identifiers, cut),
        _before(damage.errors, cut),
        _before(damage.missing, cut),
        nodes,
        names,
        captures,
        cut,
        attempt.error_bytes,
        attempt.unfinished,
    )


def _parse_up_to(
    cut: int | None,
    closers: bytes,
    source: bytes,
    lines: Lines,
    spans: Sequence[ByteSpan],
    language: Language,
    deadline: Deadline,
) -> _Tree:
    """Parse the spans up to `cut`, with `closers` appended there; what is cut off counts as damaged."""
    end = spans[-1].end
    if cut is None:
        tree = _parse_ranges(source, lines, spans, language, deadline)
        damage = _damage(tree, language, deadline)
        return _Tree(tree, damage, None, damage.bytes())
    kept = [ByteSpan(s.start, min(s.end, cut)) for s in spans if s.start < cut]
    if kept[-1].end == cut:
        kept[-1] = ByteSpan(kept[-1].start, cut + len(closers))
    else:  # a container's prefix lies between
        kept.append(ByteSpan(cut, cut + len(closers)))
    tree = _parse_ranges(source[:cut] + closers, lines, kept, language, deadline)
    damage = _damage(tree, language, deadline, cut)
    return _Tree(tree, damage, cut, damage.bytes() + len(source[cut:end].strip()))


def _parse_ranges(
    source: bytes, lines: Lines, spans: Sequence[ByteSpan], language: Language, deadline: Deadline
) -> tree_sitter.Tree:
    """Parse, giving up when the deadline passes."""
    parser = tree_sitter.Parser(language.grammar)
    if len(spans) > 1 or spans[0] != (0, len(source)):
        parser.included_ranges = [
            tree_sitter.Range(_point(lines, span.start), _point(lines, span.end), span.start, span.end) for span in spans
        ]
    if spans[-1].end - spans[0].start < _SHORT and not language.exponential:
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


def _tokens(
    tree: tree_sitter.Tree, language: Language, loose: set[Interval], deadline: Deadline
) -> tuple[list[Interval], list[Interval], list[Interval], int]:
    """Walk the tree once: its core tokens, the identifiers among them that may be variables, those behind a sign, its depth.

    The walk keeps no nodes and does not recurse: trees can be 100,000 levels deep.
    """
    core: list[Interval] = []
    identifiers: list[Interval] = []
    behind: list[Interval] = []
    leaf = language.leaf
    depth = deepest = before = 0
    cursor = tree.walk()
    down, right, up = cursor.goto_first_child, cursor.goto_next_sibling, cursor.goto_parent
    while True:
        deadline.check()
        for _ in range(_CHECK_EVERY):
            while down():
                depth += 1
            if depth > deepest:
                deepest = depth
            node = cursor.node
            assert node is not None
            what = leaf[node.kind_id]
            if what == INSIDE and node.byte_range not in loose and up():
                depth -= 1
                node = cursor.node
                assert node is not None
                what = leaf[node.kind_id]
            if what >= CORE:  # or NAME, or WORD
                start, end = span = node.byte_range
                if start < end:
                    core.append(span)
                    if what == WORD and node.parent is not None:
                        what = leaf[node.parent.kind_id]
                    if what == NAME:
                        (behind if before == ACCESS else identifiers).append(span)
            if before != ACCESS or what or not node.is_extra:  # a comment may stand behind the sign
                before = what
            while not right():
                if not up():
                    return core, identifiers, behind, deepest
                depth -= 1


def _damage(tree: tree_sitter.Tree, language: Language, deadline: Deadline, cut: int | None = None) -> _Damage:
    """Walk the tree once more if something is broken, which few are, for what only then matters.

    What is broken or missing among the brackets behind a cut does not count: they are ours.
    """
    damage = _Damage()
    if not tree.root_node.has_error:
        return damage
    around: list[tuple[Interval, bool]] = []  # the nodes around, and whether they are an ERROR
    cursor = tree.walk()
    while True:
        deadline.check()
        for _ in range(_CHECK_EVERY):
            node = cursor.node
            assert node is not None
            span = node.byte_range
            if node.is_error:
                if cut is None or span[0] < cut:
                    damage.errors.append(span)
                damage.wide = damage.wide or node.child_count > MAX_ERROR_CHILDREN
            elif node.is_missing and node.kind_id not in language.optional:
                if cut is None or span[0] <= cut:
                    damage.missing.append(around[-1][0])
                else:
                    damage.short = True
            if cursor.goto_first_child():
                around.append((span, node.is_error))
                continue
            if span[0] < span[1]:
                damage.leaves.append((span, node.kind_id))
                if around and around[-1][1] and language.leaf[node.kind_id] == INSIDE:
                    damage.loose.add(span)
            while not cursor.goto_next_sibling():
                if not cursor.goto_parent():
                    return damage
                around.pop()


def _captures(
    tree: tree_sitter.Tree, source: bytes, language: Language, cut: int | None, deadline: Deadline
) -> tuple[dict[str, list[Captured]], dict[str, list[int]], dict[str, list[Interval]]]:
    """Run the language's query and read its nodes off; nodes that are not of the response's own text are left out."""
    kinds = language.kinds
    nodes: dict[str, list[Captured]] = {}
    names: dict[str, list[int]] = {}
    captures: dict[str, list[Interval]] = {}
    runs: dict[str, list[tree_sitter.Node]] = {}
    for name, captured in tree_sitter.QueryCursor(_query(language, deadline)).captures(tree.root_node).items():
        if cut is not None:
            captured = [node for node in captured if node.start_byte < cut]
        if name.startswith(_ITEM_CAPTURES):
            nodes[name] = [(node.start_byte, node.end_byte, kinds[node.kind_id]) for node in captured]
        elif name.startswith(_NAME_CAPTURES):
            names[name] = [node.start_byte for node in captured]
        elif name == "verb":
            for node in captured:
                what = language.verbs.get(source[node.start_byte : node.end_byte])
                if what is not None and node.parent is not None:
                    captures.setdefault(what, []).append(_said(what, node.byte_range, node.parent.byte_range))
        elif name in ("mut", "mut.reuse"):
            for start, end in [node.byte_range for node in captured]:
                base = _BASE.search(source, start, end)
                if base and not _CALL.match(source, base.start()):
                    names.setdefault(name, []).append(base.start())
        elif name == "object":
            for start, end in [node.byte_range for node in captured]:
                member = _MEMBER.match(source, end)
                if member and member[1] in language.mutators and not _CALL.match(source, start):
                    names.setdefault("mut", []).append(start)
                    captures.setdefault("attr.mut", []).append((start, end))
        elif name.endswith(".run"):
            runs[name.removesuffix(".run")] = captured
        else:
            captures.setdefault(name, []).extend([node.byte_range for node in captured])
        if len(captured) > _CHECK_EVERY:
            deadline.check()
    clauses = {clause for name in _CLAUSES for clause in captures.get(name, ())}
    for name, captured in runs.items():
        captures.setdefault(name, []).extend(_runs(captured, clauses, deadline))
    return nodes, names, captures


def _query(language: Language, deadline: Deadline) -> tree_sitter.Query:
    """The language's query, compiled when it is first needed, which is no part of the sample's work."""
    key = language.name, language.query
    if key not in _compiled:
        with deadline.paused():
            _compiled[key] = compile_query(language)
    return _compiled[key]


def _said(what: str, word: Interval, parent: Interval) -> Interval:
    """What a word speaks of: all of its parent, or of a jump what follows; the word alone if something precedes the jump."""
    if what == "flow.inf":
        return parent
    return word if what.startswith("jump") and parent[0] < word[0] else (word[0], parent[1])


def _with_names(
    core: list[Interval], leaves: list[Interval], source: bytes, names: list[Interval]
) -> tuple[list[Interval], list[Interval]]:
    """Let the names that some leaves begin with be core tokens of their own, and the signs before them none."""
    ends = {start: match.end() for start, end in leaves if (match := _NAME.match(source, start, end))}
    parts: list[Interval] = []
    for start, end in core:
        middle = ends.get(start, start)
        parts += [part for part in ((start, middle), (middle, end)) if part[0] < part[1] and end not in ends]
    return parts, [*names, *ends.items()]


def _runs(captured: list[tree_sitter.Node], clauses: set[Interval], deadline: Deadline) -> list[Interval]:
    """What stands behind each of some tokens in its parent, or from each of some nodes on, up to a clause."""
    runs: list[Interval] = []
    for token in captured:
        start = end = token.start_byte if token.is_named else token.end_byte
        for sibling in token.parent.named_children if token.parent is not None else ():
            if sibling.start_byte >= start:
                if sibling.byte_range in clauses:
                    break
                end = sibling.end_byte
        if start < end:
            runs.append((start, end))
        deadline.check()
    return runs


def _damaged_at_end(damage: _Damage, source: bytes, end: int, language: Language) -> bool:
    """Whether damage reaches the last line that is not blank, or the last one of code if comments follow it."""
    line = source.rfind(b"\n", 0, len(source[:end].rstrip())) + 1
    for (start, _), kind in reversed(damage.leaves):
        if language.leaf[kind] >= CORE or kind in language.closers or kind in language.closing:
            line = min(line, source.rfind(b"\n", 0, start) + 1)
            break
    return any(stop > line for _, stop in (*damage.errors, *damage.missing))


def _closed(
    damage: _Damage, source: bytes, lines: Lines, spans: Sequence[ByteSpan], language: Language, deadline: Deadline
) -> list[_Tree]:
    """Parse the block again with its open brackets and strings closed: as it is, and without its last line."""
    end = len(source[: spans[-1].end].rstrip())
    trees: list[_Tree] = []
    for cut in (end, source.rfind(b"\n", 0, end) + 1):
        brackets, string = _open_at(damage, source, cut, language)
        before = string or (b"\n" if _comment_at(damage, source, cut, language) else b"")
        if not (before or brackets or cut < end) or cut <= spans[0].start:
            continue
        around = (b"", *brackets)  # what the bracket before which a statement may end is closed by, outermost first
        ended = [closer + language.terminators.get(outer, b"") for closer, outer in zip(brackets, around, strict=False)]
        for closers in (brackets, ended) if ended != brackets else (brackets,):
            closed = before + b"".join(reversed(closers))
            tree = _parse_up_to(cut, closed, source, lines, spans, language, deadline)
            if closers is brackets or not tree.damage.short:  # else what ends a statement made another one of it
                trees.append(tree)
            if not tree.damage.errors and not tree.damage.missing:
                break
    return trees


def _open_at(damage: _Damage, source: bytes, cut: int, language: Language) -> tuple[list[bytes], bytes | None]:
    """What would close the brackets and words (outermost first) and the string that are open at `cut`."""
    last_line = source.rfind(b"\n", 0, len(source[:cut].rstrip())) + 1
    brackets: list[bytes] = []
    string: bytes | None = None
    loop = before = 0  # where the last loop begins, and the last leaf ends
    for (start, end), kind in damage.leaves:
        if end > cut:
            break
        behind, before = before, end
        if string is not None:  # whatever the parser took it for, it is text
            if kind in language.string_end and source[start:end] == string:
                string = None
        elif kind in language.string_start:
            delimiter = source[start:end].lstrip(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
            if delimiter in language.multiline or start >= last_line:
                string = delimiter
        elif kind in language.closers:
            if kind in language.modifiers and b"\n" not in source[behind:start] and _VALUE.match(source[behind - 1 : behind]):
                continue
            closer = language.closers[kind]
            if kind in language.loops:
                loop = start
            elif loop and brackets and brackets[-1] == closer and b"\n" not in source[loop:start]:
                loop = 0
                continue
            brackets.append(closer)
        elif kind in language.closing and brackets and brackets[-1].lstrip() == source[start:end]:
            brackets.pop()
    return brackets, string


def _comment_at(damage: _Damage, source: bytes, cut: int, language: Language) -> bool:
    """Whether a comment that only the end of its line closes is open at `cut`."""
    line = source.rfind(b"\n", 0, cut) + 1
    return any(line <= start < cut and source.startswith(language.comment.encode(), start) for (start, _), _ in damage.leaves)


def _before(intervals: list[Interval], cut: int | None) -> list[Interval]:
    """Drop what lies after the cut, which is ours, and end there what crosses it."""
    return intervals if cut is None else [(start, min(end, cut)) for start, end in intervals if start < cut]

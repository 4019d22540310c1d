"""Analyses as text, invariants that hold for every analysis, and real code to try them on."""

from __future__ import annotations

import ast
import itertools
import random
import sysconfig
import tokenize
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import dedent

from codeblock.analyze.analyze import analyze_code
from codeblock.analyze.deadline import Deadline
from codeblock.analyze.fixtures import cases
from codeblock.analyze.lines import Lines
from codeblock.analyze.parse import Parsed, attempt, read
from codeblock.languages import Language
from codeblock.spans import ByteSpan
from codeblock.types import CODE_KINDS, Analysis, CodeItem, EdgeKind, ItemKind, SegmentKind
from tests.analyze.corpora import sources

SIGNS = [s.encode() for s in '( ) [ ] { } < > \' " ` \n \r \t \\ : ; , . = # // /* */ @ $ """ é 😀 \0 << -> => ?'.split(" ")]
"""What breaks code, more often than other bytes do."""
STDLIB = Path(sysconfig.get_paths()["stdlib"])


def text_of(source: str, item: CodeItem) -> str:
    """An item's text; ``…`` where other items lie between."""
    encoded = source.encode()
    return "…".join(encoded[s.start : s.end].decode("utf-8", "replace") for s in item.spans)


def items_text(source: str, analysis: Analysis | None = None) -> str:
    """One line per item: depth, kind, text."""
    analysis = analysis or analyze_code(source, "python")
    return "\n".join(f"{'  ' * i.depth}{i.kind}: {text_of(source, i)!r}" for i in analysis.items)


def edges_text(source: str, *kinds: EdgeKind, lines: bool = True) -> str:
    """One line per edge: line of the definition, line of the use, variable, kind."""
    analysis = analyze_code(dedent(source).strip("\n"), "python")
    found = {
        (analysis.items[e.source].line, analysis.items[e.target].line, e.variable, str(e.kind))
        for e in analysis.edges
        if not kinds or e.kind in kinds
    }
    return "\n".join(f"{s} {t} {v} {k}" for s, t, v, k in sorted(found))


def check_analysis(responses: Sequence[str], analysis: Analysis) -> None:
    """Assert everything that METHOD and the types promise of any analysis."""
    sources = [r.encode() for r in responses]
    for n, source in enumerate(sources):
        spans = sorted(x for s in analysis.segments if s.response == n for x in (*s.spans, *s.markup))
        assert b"".join(source[s.start : s.end] for s in spans) == source
        assert all(a.end == b.start and a.start < a.end for a, b in itertools.pairwise(spans))
    assert [s.response for s in analysis.segments] == sorted(s.response for s in analysis.segments)
    order = [(analysis.segments[i.segment].response, i.spans[0].start) for i in analysis.items]
    assert order == sorted(order)
    for index, segment in enumerate(analysis.segments):
        assert (segment.kind == SegmentKind.CODE) == (segment.language is not None)
        source = sources[segment.response]
        spans = sorted(s for i in analysis.items if i.segment == index for s in i.spans)
        assert all(a.end <= b.start for a, b in itertools.pairwise(spans))
        if segment.kind == SegmentKind.PROSE:
            assert not spans
            continue
        rest = bytearray(b" " * len(source))
        for s in segment.spans:
            rest[s.start : s.end] = source[s.start : s.end]
        for s in spans:
            assert rest[s.start : s.end] == source[s.start : s.end] and source[s.start : s.end].strip() == source[s.start : s.end]
            rest[s.start : s.end] = b" " * (s.end - s.start)
        assert not rest.strip()
    for index, item in enumerate(analysis.items):
        source = sources[analysis.segments[item.segment].response]
        assert item.spans and list(item.spans) == sorted(item.spans)
        assert item.line == source.count(b"\n", 0, item.spans[0].start) + 1
        assert item.end_line == source.count(b"\n", 0, item.spans[-1].end - 1) + 1
        assert item.parent is None or item.parent < index
        assert item.depth == (0 if item.parent is None else analysis.items[item.parent].depth + 1)
        assert item.parent is None or analysis.items[item.parent].kind != ItemKind.ERROR
        assert all(any(s.start <= c.start < c.end <= s.end for s in item.spans) for c in item.core)
        assert all(a.end <= b.start for a, b in zip(item.core, item.core[1:], strict=False))
        assert item.kind in CODE_KINDS or not item.core
        assert item.kind != ItemKind.ERROR or item.line == item.end_line
    keys = [(e.source, e.target, e.variable, e.kind) for e in analysis.edges]
    assert keys == sorted(set(keys))
    for e in analysis.edges:
        ends = analysis.items[e.source], analysis.items[e.target]
        assert e.source != e.target and all(i.kind in CODE_KINDS for i in ends)
        a, b = (analysis.segments[i.segment] for i in ends)
        assert (a.response, a.language) == (b.response, b.language)
    for item, reach, bridge in zip(analysis.items, analysis.reach, analysis.bridge, strict=True):
        assert 0 <= reach <= 1 and 0 <= bridge <= 1
        assert item.kind in CODE_KINDS or reach == bridge == 0


def standard_library(count: int, seed: int = 0, most: int = 60_000) -> Iterator[tuple[Path, str]]:
    """Some modules of the standard library, chosen by a seed."""
    paths = sorted(p for p in STDLIB.rglob("*.py") if not {"site-packages", "test", "tests", "lib2to3"} & set(p.parts))
    random.Random(seed).shuffle(paths)
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
            ast.parse(text)
        except (UnicodeDecodeError, SyntaxError):
            continue
        if 0 < len(text) < most and "\f" not in text:
            yield path, text
            count -= 1
            if not count:
                return


def functions(count: int, seed: int = 0) -> Iterator[str]:
    """Some functions and classes of the top level of the standard library, chosen by a seed."""
    for _, text in standard_library(-1, seed):
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                piece = ast.get_source_segment(text, node)
                if piece and 300 < len(piece) < 4000:
                    yield piece + "\n"
                    count -= 1
                    if not count:
                        return


def pieces(language: str, data: Path | None = None) -> list[str]:
    """Sources of a language of some hundred bytes to some kilobytes: the cases of its fixtures, or the real code of a corpus."""
    texts = [case.source for case in cases(language)]
    if data is not None:
        found = (entry for corpus in ("exercism", "neetcode", "mceval") for entry in sources(data, corpus))
        texts = [text for name, text in found if name == language and 300 < len(text) < 4000]
    random.Random(0).shuffle(texts)
    return texts


def kept_by_cuts(language: str, texts: Sequence[str], seed: int = 1) -> tuple[int, int, int, int]:
    """Of the code before the last line of sources, each cut at a random byte: items that stay what they are, items, sources of
    which all items do, sources."""
    luck = random.Random(seed)
    kept = items = whole = trials = 0
    for text in texts:
        encoded = text.encode()
        cut = encoded[: luck.randrange(1, max(len(encoded), 2))].decode(errors="ignore")
        line = len(cut[: cut.rfind("\n") + 1].encode())
        before = {
            (i.kind, i.spans) for i in analyze_code(text, language).items if i.spans[-1].end <= line and i.kind in CODE_KINDS
        }
        after = analyze_code(cut, language)
        check_analysis([cut], after)
        if before:
            same = len(before & {(i.kind, i.spans) for i in after.items})
            kept, items, whole, trials = kept + same, items + len(before), whole + (same == len(before)), trials + 1
    return kept, items, whole, trials


def mutated(text: str, luck: random.Random, edits: int = 20) -> str:
    """The text with some bytes replaced, taken out or put in; what then is no UTF-8 becomes the sign for that."""
    found = bytearray(text.encode())
    for _ in range(luck.randrange(1, edits + 1)):
        at = luck.randrange(len(found) + 1)
        found[at : at + luck.choice((0, 0, 1, 1, 5))] = luck.choice((b"", bytes([luck.randrange(256)]), luck.choice(SIGNS)))
    return found.decode(errors="replace")


def whole_library() -> Iterator[tuple[Path, str]]:
    """Everything in the standard library that CPython itself parses, its tests included."""
    for path in sorted(STDLIB.rglob("*.py")):
        if "site-packages" in path.parts:
            continue
        try:
            with tokenize.open(path) as file:
                text = file.read()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ast.parse(text)
        except (UnicodeDecodeError, SyntaxError, ValueError):
            continue
        if text:
            yield path.relative_to(STDLIB), text


def parsed(source: str, language: Language) -> Parsed:
    """A source that is one block."""
    encoded = source.encode()
    deadline = Deadline(60)
    return read(attempt(encoded, Lines(encoded), (ByteSpan(0, len(encoded)),), language, deadline), deadline)


def closed(source: str, analysis: Analysis, index: int) -> str:
    """An item under its enclosing headers, filled with `pass` where a body is missing: structure-complete source."""
    chain: list[int] = []
    at: int | None = index
    while at is not None:
        chain.append(at)
        at = analysis.items[at].parent
    encoded = source.encode()
    lines: list[str] = []
    depth = -1
    for number in reversed(chain):
        item = analysis.items[number]
        spans = item.spans
        if item.node in ("elif_clause", "else_clause", "except_clause", "finally_clause"):
            if analysis.items[item.parent or 0].kind != ItemKind.INLINE:
                lines.append(" " * (depth + 1) + "pass")
        else:
            depth += 1
        whole = ByteSpan(spans[0].start, spans[-1].end)
        owned = bytearray(b" " * (whole.end - whole.start))
        for s in spans:
            owned[s.start - whole.start : s.end - whole.start] = encoded[s.start : s.end]
        lines.append(" " * depth + owned.decode())
    if analysis.items[index].kind in (ItemKind.HEADER, ItemKind.DEFINITION, ItemKind.COMMENT):
        lines.append(" " * (depth + 1) + "pass")
    return "\n".join(lines)

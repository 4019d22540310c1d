"""A response to segments: prose, and code in languages that are known (METHOD B).

A response without fences, or one that parses as a whole, is bare code when it looks like code and parses as such. A fenced
block is code if its info string names a language, or if it has none and one of the languages takes it for code. What nobody named
is in the language whose telltales it has most, unless another that is likely parses it with less damage. Where there is damage, a
sibling of the language (TypeScript for JavaScript) may have less. Everything else is prose: unknown languages, output, JSON,
diffs, session transcripts (``>>>``), and blocks without content.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from codeblock.analyze.deadline import Deadline
from codeblock.analyze.fences import Fence, scan
from codeblock.analyze.lines import Lines
from codeblock.analyze.parse import Attempt, Parsed, attempt, read
from codeblock.languages import Language, languages, load, resolve_alias
from codeblock.spans import ByteSpan
from codeblock.types import Segment, SegmentKind

_MAX_DAMAGE = 0.25  # share of damaged bytes up to which a text that nobody called code is taken for it
_TRIED = 4  # languages that a text is parsed in, the likeliest
_DAMAGE_WEIGHT = 20.0  # telltales that weigh as much as a text which is damaged throughout
_EVIDENCE = frozenset({"def", "def.outer", "def.read", "call", "attr.call", "mut"})  # captures that prose hardly ever parses to


@dataclass(frozen=True, slots=True)
class Block:
    """A segment, with its parse if it is code."""

    segment: Segment
    parsed: Parsed | None


def segment(source: bytes, response: int, deadline: Deadline) -> list[Block]:
    """Split one response.

    Args:
        source: the response in UTF-8.
        response: its index in the sample.
        deadline: for the whole sample.

    Returns:
        The segments in order; their spans and markup tile the response.
    """
    lines = Lines(source)
    fences = scan(source, lambda info, spans, longer: _finished(source, lines, info, spans, longer, deadline))
    bare = _bare(source, lines, clean=bool(fences), deadline=deadline)
    if bare is not None:
        return [_code_block(response, bare, (ByteSpan(0, len(source)),), ())]
    blocks: list[Block] = []
    at = 0
    for fence in fences:
        parsed = _parse_fence(source, lines, fence, deadline)
        if parsed is None:
            continue
        if at < fence.start:
            blocks.append(_prose(response, at, fence.start))
        blocks.append(_code_block(response, parsed, fence.spans, tuple(_gaps(fence))))
        at = fence.end
    if at < len(source):
        blocks.append(_prose(response, at, len(source)))
    return blocks


def _prose(response: int, start: int, end: int) -> Block:
    return Block(Segment(response, SegmentKind.PROSE, None, (ByteSpan(start, end),)), None)


def _code_block(response: int, parsed: Parsed, spans: tuple[ByteSpan, ...], markup: tuple[ByteSpan, ...]) -> Block:
    return Block(Segment(response, SegmentKind.CODE, parsed.language.name, spans, markup), parsed)


def _gaps(fence: Fence) -> Iterator[ByteSpan]:
    """What of a fenced block is not content."""
    at = fence.start
    for span in fence.spans:
        if at < span.start:
            yield ByteSpan(at, span.start)
        at = span.end
    if at < fence.end:
        yield ByteSpan(at, fence.end)


def _bare(source: bytes, lines: Lines, clean: bool, deadline: Deadline) -> Parsed | None:
    """Parse the whole response as code, if that is what it is; `clean` demands that it parses without an error."""
    first_line = next((line for line in source.splitlines() if line.strip()), b"").decode("utf-8", "replace").strip()
    span = ByteSpan(0, len(source))
    candidates = [load(name) for name in languages()]
    candidates = [c for c in candidates if c.first_line.match(first_line) and not first_line.startswith(c.prompts)]
    best = _likeliest(source, lines, (span,), candidates, deadline)
    return None if best is None or (clean and best.error_bytes) else _as_code(best, deadline)


def _parse_fence(source: bytes, lines: Lines, fence: Fence, deadline: Deadline) -> Parsed | None:
    """Parse a fenced block in the language it most likely has; None for prose."""
    text = _content(source, fence.spans).strip()
    if not text:
        return None
    if not fence.info:
        candidates = [load(name) for name in languages()]
        if any(_is_session(text, language) for language in candidates):
            return None
        best = _likeliest(source, lines, fence.spans, candidates, deadline)
        return None if best is None else _as_code(best, deadline)
    name = resolve_alias(fence.info)
    if name is None or _is_session(text, load(name)):
        return None
    return read(_vote(source, lines, fence.spans, load(name), deadline), deadline)


def _likeliest(
    source: bytes, lines: Lines, spans: tuple[ByteSpan, ...], candidates: list[Language], deadline: Deadline
) -> Attempt | None:
    """The parse in the language that a text most likely is in, of those that it has telltales of."""
    text = _content(source, spans).decode("utf-8", "replace")
    candidates = [c for c in candidates if c.requires.search(text)]
    found = {language.name: sum(t.search(text) is not None for t in language.telltales) for language in candidates}
    likely = sorted((c for c in candidates if found[c.name]), key=lambda c: -found[c.name])[:_TRIED]
    likely = likely or [c for c in candidates if not c.parses_prose][:1]  # the first may be meant where nothing speaks for any
    attempts = [(found[language.name], _vote(source, lines, spans, language, deadline)) for language in likely]
    size = len(text.encode().strip())
    _, best = max(attempts, key=lambda a: a[0] - _DAMAGE_WEIGHT * a[1].error_bytes / size, default=(0, None))
    return best


def _vote(source: bytes, lines: Lines, spans: tuple[ByteSpan, ...], language: Language, deadline: Deadline) -> Attempt:
    """The parse with the fewest damaged bytes: in a language, or where that has any, in one that it may be in truth."""
    attempts = [attempt(source, lines, spans, language, deadline)]
    if attempts[0].error_bytes:
        text = _content(source, spans).decode("utf-8", "replace")
        siblings = [sibling for sibling in map(load, language.siblings) if sibling.requires.search(text)]
        attempts += [attempt(source, lines, spans, sibling, deadline) for sibling in siblings]
    return min(attempts, key=lambda a: a.error_bytes)


def _as_code(best: Attempt, deadline: Deadline) -> Parsed | None:
    """What a text that nobody called code says, if it is code."""
    if best.error_bytes > _MAX_DAMAGE * len(_content(best.source, best.spans).strip()):
        return None
    parsed = read(best, deadline)
    return None if _EVIDENCE.isdisjoint({*parsed.names, *parsed.captures}) else parsed


def _is_session(text: bytes, language: Language) -> bool:
    return text.decode("utf-8", "replace").startswith(language.prompts)


def _finished(source: bytes, lines: Lines, info: str, spans: tuple[ByteSpan, ...], longer: bool, deadline: Deadline) -> bool:
    """Whether a block can end here: not inside a string; and what passed over a closing fence must be flawless."""
    name = resolve_alias(info)
    if name is None or not spans:
        return True
    language = load(name)
    if not longer:
        text = _content(source, spans)
        if not any(text.count(delimiter) % 2 for delimiter in language.multiline):
            return True
        return not attempt(source, lines, spans, language, deadline).unfinished
    return not attempt(source, lines, spans, language, deadline).error_bytes


def _content(source: bytes, spans: tuple[ByteSpan, ...]) -> bytes:
    return b"".join(source[s.start : s.end] for s in spans)

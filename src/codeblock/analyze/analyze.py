"""One sample's responses to their structure, start to end."""

from __future__ import annotations

from collections.abc import Sequence

from codeblock.analyze.dataflow import DataFlow
from codeblock.analyze.deadline import Deadline
from codeblock.analyze.items import build_items
from codeblock.analyze.lines import Lines
from codeblock.analyze.names import ProgramBuilder
from codeblock.analyze.parse import Parsed, attempt, read
from codeblock.analyze.segment import Block, segment
from codeblock.analyze.signals import signals
from codeblock.errors import AnalysisError, ResponseTooLarge
from codeblock.languages import load, load_all
from codeblock.spans import ByteSpan
from codeblock.types import CODE_KINDS, Analysis, CodeItem, Edge, Segment, SegmentKind

_CODE = tuple(CODE_KINDS)  # a set would call Python code to hash the kind


def analyze(responses: Sequence[str], *, seconds: float = 2.0, max_bytes: int = 1_000_000) -> Analysis:
    """Analyse the responses of one sample.

    Args:
        responses: the assistant turns, in order.
        seconds: CPU time that the whole sample may take.
        max_bytes: length that one response may have.

    Returns:
        Their segments, items, edges and signals, with indices that count through the sample.

    Raises:
        ResponseTooLarge: a response is longer than `max_bytes`.
        AnalysisTimeout: it took longer than `seconds`.
        AnalysisError: a response holds lone surrogates, which have no UTF-8 form.
    """
    load_all()  # once, and no part of this analysis
    deadline = Deadline(seconds)
    collected = _Collected(deadline)
    for index, text in enumerate(responses):
        source = _encode(text, max_bytes)
        collected.add(segment(source, index, deadline))
    return collected.analysis()


def analyze_code(source: str, language: str, *, seconds: float = 60.0) -> Analysis:
    """Analyse a source file: one response that is one code block.

    Args:
        source: the file's text.
        language: name of its language pack.
        seconds: CPU time that it may take.

    Raises:
        UsageError: there is no such language.
        AnalysisTimeout: it took longer than `seconds`.
        AnalysisError: the text holds lone surrogates.
    """
    pack = load(language)
    deadline = Deadline(seconds)
    encoded = _encode(source, None)
    collected = _Collected(deadline)
    if encoded:
        span = ByteSpan(0, len(encoded))
        parsed = read(attempt(encoded, Lines(encoded), (span,), pack, deadline), deadline)
        collected.add([Block(Segment(0, SegmentKind.CODE, language, (span,)), parsed)])
    return collected.analysis()


def _encode(text: str, max_bytes: int | None) -> bytes:
    try:
        source = text.encode()
    except UnicodeEncodeError as error:
        raise AnalysisError(f"the response has no UTF-8 form: {error.reason} at character {error.start}") from None
    if max_bytes is not None and len(source) > max_bytes:
        raise ResponseTooLarge(f"the response has {len(source):,} bytes, more than the limit of {max_bytes:,}")
    return source


class _Collected:
    """The analysis of a sample while it grows response by response."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._segments: list[Segment] = []
        self._items: list[CodeItem] = []
        self._edges: list[Edge] = []
        self._reach: list[float] = []
        self._bridge: list[float] = []

    def add(self, blocks: Sequence[Block]) -> None:
        """Add a response. The code blocks of one language are one program."""
        first = len(self._items)
        programs: dict[str, list[tuple[Parsed, range]]] = {}
        for block in blocks:
            if block.parsed is not None:
                base = len(self._items)
                self._items += build_items(block.parsed, len(self._segments), base, self._deadline)
                programs.setdefault(block.parsed.language.name, []).append((block.parsed, range(base, len(self._items))))
            self._segments.append(block.segment)
        self._reach += [0.0] * (len(self._items) - first)
        self._bridge += [0.0] * (len(self._items) - first)
        edges: list[Edge] = []
        for blocks_of_program in programs.values():
            edges += self._link(blocks_of_program)
        self._edges += edges if len(programs) < 2 else sorted(edges)

    def _link(self, blocks: list[tuple[Parsed, range]]) -> list[Edge]:
        """Find a program's edges and set the signals of its items."""
        builder, items = ProgramBuilder(self._deadline), self._items
        numbers: list[int] = []  # of the items of code, which are the nodes of the graph
        for parsed, indices in blocks:
            code = [i for i in indices if items[i].kind in _CODE]
            numbers += code
            builder.add(parsed, sorted([(span, i) for i in code for span in items[i].spans]))
        edges = DataFlow(builder.finish(), self._deadline).run()
        node = dict(zip(numbers, range(len(numbers)), strict=True))
        reach, bridge = signals(len(numbers), [(node[e.source], node[e.target]) for e in edges], self._deadline)
        for i, one, other in zip(numbers, reach, bridge, strict=True):
            self._reach[i] = one
            self._bridge[i] = other
        return edges

    def analysis(self) -> Analysis:
        """What was collected."""
        return Analysis(tuple(self._segments), tuple(self._items), tuple(self._edges), tuple(self._reach), tuple(self._bridge))

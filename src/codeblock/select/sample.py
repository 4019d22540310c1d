"""One sample ready for selection: the join of its tokens with its items.

Selection is run again and again over stored scores, so this module works on the columns of whole shards and hands out
NumPy views; nothing here makes a Python object per item or token.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from codeblock.errors import StoreError
from codeblock.schemas import list_values
from codeblock.types import CODE_KINDS, PROSE_KINDS, Bool, Float32, Float64, Int32, Int64, ItemKind, SegmentKind

KINDS = tuple(ItemKind)
"""Position in this tuple is the code of a kind in `ScoredSample.kind`."""

_SAME = ("id", "reason", "input_ids", "position")  # what two models must agree on for their scores to be compared

_IS_CODE = np.array([kind in CODE_KINDS for kind in KINDS])
_IS_PROSE = np.array([kind in PROSE_KINDS for kind in KINDS])
_IS_SPACE = np.zeros(256, dtype=np.bool_)
_IS_SPACE[list(b" \t\n\r\f\v")] = True


@dataclass(frozen=True, slots=True)
class ScoredSample:
    """Tokens, items and prose of one sample, for strategies to choose from.

    Positions in the text are bytes of `text`, all responses of the sample one after the other. R response tokens, I items,
    S segments.

    Attributes:
        id: the sample's id.
        text: UTF-8 bytes of all responses.
        position: [R] index of each response token in the sample's input ids.
        first: [R] the token's first non-space byte; its first byte where it has only white space.
        nll: [R] -log p of the token, in nats.
        reference: [R] the same by another model; None without one.
        owner: [R] what the token belongs to: item i, or the markup of segment s as I + s, or -1 for prose and filler.
        core: [R] True where the token holds a core logic token of its item.
        kind: [I] code of the item's kind, see `KINDS`.
        parent: [I] enclosing header, -1 at the top.
        segment: [I] the item's segment.
        item_response: [I] the item's response.
        reach: [I] data-flow reach.
        bridge: [I] data-flow bridge.
        segments: number of segments, S.
        prose: [P, 2] spans of text whose words are ranked: prose segments, comments, docstrings; sorted.
    """

    id: str
    text: bytes
    position: Int32
    first: Int64
    nll: Float32
    reference: Float32 | None
    owner: Int32
    core: Bool
    kind: npt.NDArray[np.int8]
    parent: Int32
    segment: Int32
    item_response: Int32
    reach: Float64
    bridge: Float64
    segments: int
    prose: Int64

    @property
    def is_code(self) -> Bool:
        """[I] True for items that may be chosen for themselves."""
        return _IS_CODE[self.kind]

    @property
    def is_comment(self) -> Bool:
        """[I] True for comments and docstrings."""
        return _IS_PROSE[self.kind]


def first_reasons(tables: Sequence[pa.Table]) -> list[str | None]:
    """Why each row was dropped by the first stage that did, in the order of `tables`; None for rows that none dropped."""
    columns = zip(*(table.column("reason").to_pylist() for table in tables), strict=True)
    return [next((reason for reason in row if reason is not None), None) for row in columns]


class _Spans:
    """A list<list<struct<start, end>>> column, flat: the spans of every element of every row."""

    def __init__(self, spans: pa.ListArray) -> None:
        self.offsets = spans.offsets.to_numpy()
        self.start = spans.values.field("start").to_numpy().astype(np.int64)
        self.end = spans.values.field("end").to_numpy().astype(np.int64)

    def of(self, first: int, last: int) -> tuple[Int64, Int64, Int32]:
        """Starts and ends of the spans of elements ``first..last``, and the element of each, counted from `first`."""
        low, high = self.offsets[first], self.offsets[last]
        counts = np.diff(self.offsets[first : last + 1])
        return self.start[low:high], self.end[low:high], np.repeat(np.arange(last - first, dtype=np.int32), counts)


def scored_samples(
    samples: pa.Table, analysis: pa.Table, scores: pa.Table, reference: pa.Table | None = None
) -> Iterator[ScoredSample | None]:
    """Join the same shard of three stages.

    Args:
        samples: a `schemas.SAMPLES` table.
        analysis: the `schemas.ANALYSIS` table of the same rows.
        scores: the `schemas.SCORES` table of the same rows.
        reference: the same by another model.

    Yields:
        Per row, its scored sample, or None where a stage gave the row a reason.

    Raises:
        StoreError: the reference is of other rows or tokens.
    """
    if reference is not None and any(not reference.column(name).equals(scores.column(name)) for name in _SAME):
        raise StoreError(
            "the reference scored other rows or other tokens: it needs the same data and reading settings, "
            "and a model with the same tokenizer and chat template"
        )
    ids = scores.column("id").to_pylist()
    reasons = first_reasons([samples, analysis, scores])
    messages = samples.column("messages").to_pylist()
    token_offsets, position = list_values(_array(scores, "position"))
    others = None if reference is None else list_values(_array(reference, "nll"))[1]
    token = {name: list_values(_array(scores, name))[1] for name in ("response", "start", "end", "nll")}

    segments = _array(analysis, "segments")
    segment_offsets, segment = segments.offsets.to_numpy(), segments.values
    segment_response = segment.field("response").to_numpy()
    segment_is_prose = _codes(segment.field("kind"), list(SegmentKind)) == list(SegmentKind).index(SegmentKind.PROSE)
    segment_spans, markup = _Spans(segment.field("spans")), _Spans(segment.field("markup"))

    items = _array(analysis, "items")
    item_offsets, item = items.offsets.to_numpy(), items.values
    kind = _codes(item.field("kind"), KINDS)
    parent = item.field("parent").fill_null(-1).to_numpy()
    item_segment = item.field("segment").to_numpy()
    reach, bridge = item.field("reach").to_numpy(), item.field("bridge").to_numpy()
    item_spans, core_spans = _Spans(item.field("spans")), _Spans(item.field("core"))

    for row, reason in enumerate(reasons):
        if reason is not None:
            yield None
            continue
        texts = [m["content"].encode() for m in messages[row] if m["role"] == "assistant"]
        base = np.cumsum([0, *map(len, texts)])
        text = b"".join(texts)
        t = slice(token_offsets[row], token_offsets[row + 1])
        s0, s1 = segment_offsets[row], segment_offsets[row + 1]
        i0, i1 = item_offsets[row], item_offsets[row + 1]
        count = i1 - i0
        segment_base = base[segment_response[s0:s1]]
        base_of_item = segment_base[item_segment[i0:i1]]

        token_base = base[token["response"][t]]
        start, end = token["start"][t] + token_base, token["end"][t] + token_base
        first = _first_non_space(text, start, end)

        span_start, span_end, span_item = item_spans.of(i0, i1)
        mark_start, mark_end, mark_segment = markup.of(s0, s1)
        owner = _owner(
            first,
            np.concatenate([span_start + base_of_item[span_item], mark_start + segment_base[mark_segment]]),
            np.concatenate([span_end + base_of_item[span_item], mark_end + segment_base[mark_segment]]),
            np.concatenate([span_item, mark_segment + np.int32(count)]),
        )
        core_start, core_end, core_item = core_spans.of(i0, i1)
        core_base = base_of_item[core_item]

        is_prose_item = _IS_PROSE[kind[i0:i1]]
        in_prose_item = is_prose_item[span_item]
        prose_start, prose_end, prose_segment = segment_spans.of(s0, s1)
        in_prose = segment_is_prose[s0:s1][prose_segment]
        prose_base = segment_base[prose_segment]
        prose = np.concatenate(
            [
                np.stack([prose_start + prose_base, prose_end + prose_base], 1)[in_prose],
                np.stack([span_start + base_of_item[span_item], span_end + base_of_item[span_item]], 1)[in_prose_item],
            ]
        )
        yield ScoredSample(
            id=ids[row],
            text=text,
            position=position[t],
            first=first,
            nll=token["nll"][t],
            reference=None if others is None else others[t],
            owner=owner,
            core=_holds_core(start, end, owner, core_start + core_base, core_end + core_base, core_item),
            kind=kind[i0:i1],
            parent=parent[i0:i1],
            segment=item_segment[i0:i1],
            item_response=segment_response[s0:s1][item_segment[i0:i1]],
            reach=reach[i0:i1],
            bridge=bridge[i0:i1],
            segments=int(s1 - s0),
            prose=prose[np.argsort(prose[:, 0], kind="stable")],
        )


def _array(table: pa.Table, name: str) -> pa.ListArray:
    """The column as one array whose offsets index its own values."""
    column = table.column(name)
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _codes(names: pa.StringArray, known: Sequence[str]) -> npt.NDArray[np.int8]:
    """Index of each name in `known`."""
    encoded = names.dictionary_encode()
    code = np.array([known.index(name) for name in encoded.dictionary.to_pylist()], dtype=np.int8)
    return code[encoded.indices.to_numpy()]


def _first_non_space(text: bytes, start: Int64, end: Int64) -> Int64:
    """First non-space byte of each ``[start, end)``; `start` where there is none."""
    solid = np.flatnonzero(~_IS_SPACE[np.frombuffer(text, dtype=np.uint8)])
    following = np.append(solid, len(text))[np.searchsorted(solid, start)]
    return np.where(following < end, following, start)


def _owner(byte: Int64, start: Int64, end: Int64, owner: Int32) -> Int32:
    """Owner of the span that holds each byte, -1 where none does. The spans are disjoint, in any order."""
    if not len(start):
        return np.full(len(byte), -1, dtype=np.int32)
    order = np.argsort(start)
    at = order[np.maximum(np.searchsorted(start[order], byte, side="right") - 1, 0)]
    inside = (start[at] <= byte) & (byte < end[at])
    return np.where(inside, owner[at], -1).astype(np.int32)


def _holds_core(
    start: Int64,
    end: Int64,
    owner: Int32,
    core_start: Int64,
    core_end: Int64,
    core_item: Int32,
) -> Bool:
    """True where the first core span that ends after the token's start begins before its end, in the token's own item."""
    if not len(core_start):
        return np.zeros(len(start), dtype=np.bool_)
    order = np.argsort(core_start)
    after = np.searchsorted(core_end[order], start, side="right")
    at = order[np.minimum(after, len(order) - 1)]
    return (after < len(order)) & (core_start[at] < end) & (core_item[at] == owner)

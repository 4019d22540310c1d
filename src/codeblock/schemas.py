"""How the types are written in Arrow: one schema per artefact, one pair of conversions per type.

Every stage's table has the columns `id` and `reason`; a row whose `reason` is not null was dropped there or before, and its other
columns are null. Stages keep rows and their order, so that the n-th shard of every stage speaks of the same samples.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from codeblock.spans import ByteSpan
from codeblock.types import (
    Analysis,
    CodeItem,
    Edge,
    EdgeKind,
    ItemKind,
    Message,
    Sample,
    Segment,
    SegmentKind,
)

SPAN = pa.struct([("start", pa.int32()), ("end", pa.int32())])

SAMPLES = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        pa.field("source", pa.string()),
        pa.field("row", pa.int64()),
        pa.field("offset", pa.int64()),  # of the row's first byte in its (uncompressed) source; null for Parquet
        pa.field("extra", pa.string()),
    ]
)

SEGMENT = pa.struct(
    [
        ("response", pa.int32()),
        ("kind", pa.string()),
        ("language", pa.string()),
        ("spans", pa.list_(SPAN)),
        ("markup", pa.list_(SPAN)),
    ]
)
ITEM = pa.struct(
    [
        ("segment", pa.int32()),
        ("kind", pa.string()),
        ("node", pa.string()),
        ("spans", pa.list_(SPAN)),
        ("core", pa.list_(SPAN)),
        ("parent", pa.int32()),  # null at the top of a block
        ("depth", pa.int32()),
        ("line", pa.int32()),
        ("end_line", pa.int32()),
        ("reach", pa.float64()),
        ("bridge", pa.float64()),
    ]
)
EDGE = pa.struct([("source", pa.int32()), ("target", pa.int32()), ("variable", pa.string()), ("kind", pa.string())])

ANALYSIS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("segments", pa.list_(SEGMENT)),
        pa.field("items", pa.list_(ITEM)),
        pa.field("edges", pa.list_(EDGE)),
    ]
)

SCORES = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("input_ids", pa.list_(pa.int32())),
        pa.field("end_of_turn", pa.list_(pa.int32())),
        pa.field("position", pa.list_(pa.int32())),
        pa.field("response", pa.list_(pa.int32())),
        pa.field("start", pa.list_(pa.int32())),
        pa.field("end", pa.list_(pa.int32())),
        pa.field("nll", pa.list_(pa.float32())),
    ]
)


def sample_to_row(sample: Sample) -> dict[str, Any]:
    """A `SAMPLES` row, without `reason` and `offset`."""
    return {
        "id": sample.id,
        "messages": [{"role": m.role, "content": m.content} for m in sample.messages],
        "source": sample.source,
        "row": sample.row,
        "extra": sample.extra,
    }


def row_to_sample(row: dict[str, Any]) -> Sample:
    """The sample of a `SAMPLES` row that has no reason."""
    messages = tuple(Message(m["role"], m["content"]) for m in row["messages"])
    return Sample(row["id"], messages, row["source"], row["row"], row["extra"])


def _spans_to_rows(spans: tuple[ByteSpan, ...]) -> list[dict[str, int]]:
    return [{"start": s.start, "end": s.end} for s in spans]


def _rows_to_spans(rows: list[dict[str, int]]) -> tuple[ByteSpan, ...]:
    return tuple(ByteSpan(r["start"], r["end"]) for r in rows)


def analysis_to_row(analysis: Analysis) -> dict[str, Any]:
    """The `segments`, `items` and `edges` of an `ANALYSIS` row."""
    segments = [
        {
            "response": s.response,
            "kind": s.kind.value,
            "language": s.language,
            "spans": _spans_to_rows(s.spans),
            "markup": _spans_to_rows(s.markup),
        }
        for s in analysis.segments
    ]
    items = [
        {
            "segment": i.segment,
            "kind": i.kind.value,
            "node": i.node,
            "spans": _spans_to_rows(i.spans),
            "core": _spans_to_rows(i.core),
            "parent": i.parent,
            "depth": i.depth,
            "line": i.line,
            "end_line": i.end_line,
            "reach": reach,
            "bridge": bridge,
        }
        for i, reach, bridge in zip(analysis.items, analysis.reach, analysis.bridge, strict=True)
    ]
    edges = [{"source": e.source, "target": e.target, "variable": e.variable, "kind": e.kind.value} for e in analysis.edges]
    return {"segments": segments, "items": items, "edges": edges}


def row_to_analysis(row: dict[str, Any]) -> Analysis:
    """The analysis of an `ANALYSIS` row that has no reason."""
    return Analysis(
        segments=tuple(
            Segment(s["response"], SegmentKind(s["kind"]), s["language"], _rows_to_spans(s["spans"]), _rows_to_spans(s["markup"]))
            for s in row["segments"]
        ),
        items=tuple(
            CodeItem(
                i["segment"],
                ItemKind(i["kind"]),
                i["node"],
                _rows_to_spans(i["spans"]),
                _rows_to_spans(i["core"]),
                i["parent"],
                i["depth"],
                i["line"],
                i["end_line"],
            )
            for i in row["items"]
        ),
        edges=tuple(Edge(e["source"], e["target"], e["variable"], EdgeKind(e["kind"])) for e in row["edges"]),
        reach=tuple(i["reach"] for i in row["items"]),
        bridge=tuple(i["bridge"] for i in row["items"]),
    )


def list_values(column: pa.ListArray) -> tuple[np.ndarray, np.ndarray]:
    """Offsets [n + 1] and flat values of a list column, null rows as empty lists.

    The values start at the first offset of this column's slice, so ``values[offsets[i]:offsets[i + 1]]`` is row i.
    """
    offsets = column.offsets.to_numpy()
    return offsets - offsets[0], column.values.slice(offsets[0], offsets[-1] - offsets[0]).to_numpy(zero_copy_only=False)

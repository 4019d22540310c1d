"""The two tables of an artefact: what trainers load, and why it is so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from codeblock.export.labels import IGNORED
from codeblock.schemas import EDGE, ITEM, SEGMENT
from codeblock.types import Bool, Int32, Selection

TRAIN = pa.schema(
    [
        pa.field("input_ids", pa.list_(pa.int32())),
        pa.field("attention_mask", pa.list_(pa.int8())),
        pa.field("labels", pa.list_(pa.int32())),
    ]
)

EXPLAINED_ITEM = pa.struct(
    [
        *ITEM,
        ("tokens", pa.int32()),
        ("utility", pa.float64()),
        ("gate", pa.bool_()),
        ("priority", pa.float64()),
        ("supervised", pa.int32()),  # of its tokens
        ("verdict", pa.string()),  # null under strategies that choose tokens
    ]
)

ANNOTATIONS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("text_sha256", pa.string()),
        pa.field("segments", pa.list_(SEGMENT)),
        pa.field("items", pa.list_(EXPLAINED_ITEM)),
        pa.field("edges", pa.list_(EDGE)),
        pa.field("position", pa.list_(pa.int32())),
        pa.field("response", pa.list_(pa.int32())),
        pa.field("start", pa.list_(pa.int32())),
        pa.field("end", pa.list_(pa.int32())),
        pa.field("nll", pa.list_(pa.float32())),
        pa.field("supervised", pa.list_(pa.bool_())),
        pa.field("end_of_turn", pa.bool_()),
    ]
)


def make_labels(input_ids: Int32, positions: Int32) -> Int32:
    """Unshifted labels, [T]: the token itself at `positions`, -100 elsewhere and at position 0, which nothing predicts."""
    labels = np.full(len(input_ids), IGNORED, dtype=np.int32)
    labels[positions] = input_ids[positions]
    labels[:1] = IGNORED
    return labels


def ratio(part: int, whole: int) -> float:
    """Share of tokens as the manifest has it, rounded to 6 digits; 0 of nothing."""
    return round(part / whole, 6) if whole else 0.0


def train_table(rows: Sequence[tuple[Int32, Int32]]) -> pa.Table:
    """The training table of these (input_ids, labels), unpadded."""
    lengths = [len(ids) for ids, _ in rows]
    offsets = np.cumsum([0, *lengths], dtype=np.int32)
    ids = np.concatenate([np.zeros(0, np.int32), *(r[0] for r in rows)])
    labels = np.concatenate([np.zeros(0, np.int32), *(r[1] for r in rows)])
    mask = np.ones(len(ids), dtype=np.int8)
    return pa.table([pa.ListArray.from_arrays(offsets, values) for values in (ids, mask, labels)], schema=TRAIN)


def annotation_table(
    analysis: pa.Table,
    scores: pa.Table,
    reasons: Sequence[str | None],
    texts: Sequence[bytes | None],
    selections: Sequence[Selection | None],
    tokens_of_items: Sequence[Int32 | None],
) -> pa.Table:
    """Everything known about each row of one shard, dropped rows included.

    Args:
        analysis: the shard's `schemas.ANALYSIS` table.
        scores: the shard's `schemas.SCORES` table.
        reasons: why each row was dropped, None for kept rows.
        texts: UTF-8 bytes of each row's responses, None where no stage scored it.
        selections: of the scored rows.
        tokens_of_items: [I] supervised tokens of each item, of the scored rows.
    """
    scored = np.array([s is not None for s in selections], dtype=np.bool_)
    done = [s for s in selections if s is not None]
    per_item = {
        "tokens": _flat([s.scores.tokens for s in done], np.int32),
        "utility": _flat([s.scores.utility for s in done], np.float64),
        "gate": _flat([s.scores.gate for s in done], np.bool_),
        "priority": _flat([s.scores.priority for s in done], np.float64),
        "supervised": _flat([t for t in tokens_of_items if t is not None], np.int32),
        "verdict": [v.value if v else None for s in done for v in s.verdicts or [None] * len(s.scores.tokens)],
    }
    columns = {
        "id": scores.column("id"),
        "reason": pa.array(reasons, pa.string()),
        "text_sha256": pa.array([None if t is None else sha256(t).hexdigest() for t in texts], pa.string()),
        "segments": analysis.column("segments"),
        "items": _explained_items(analysis.column("items").combine_chunks(), scored, per_item),
        "edges": analysis.column("edges"),
        **{name: scores.column(name) for name in ("position", "response", "start", "end", "nll")},
        "supervised": _lists(scored, [s.supervised for s in done], pa.bool_()),
        "end_of_turn": pa.array([None if s is None else s.end_of_turn for s in selections], pa.bool_()),
    }
    return pa.table([columns[name] for name in ANNOTATIONS.names], schema=ANNOTATIONS)


def supervised_per_item(owner: Int32, supervised: Bool, items: int) -> Int32:
    """[I] how many of each item's tokens are supervised.

    Args:
        owner: [R] the item of each response token; others are ignored.
        supervised: [R] True for tokens that carry loss.
        items: number of items, I.
    """
    mine = supervised & (owner >= 0) & (owner < items)
    return np.bincount(owner[mine], minlength=items).astype(np.int32)


def _flat(arrays: Sequence[npt.NDArray[np.generic]], dtype: type) -> npt.NDArray[np.generic]:
    return np.concatenate([np.zeros(0, dtype), *arrays])


def _lists(present: Bool, arrays: Sequence[npt.NDArray[np.generic]], dtype: pa.DataType) -> pa.ListArray:
    """A list column with null where not `present`."""
    lengths = np.zeros(len(present), dtype=np.int32)
    lengths[present] = [len(a) for a in arrays]
    offsets = np.concatenate([np.zeros(1, np.int32), np.cumsum(lengths, dtype=np.int32)])
    values = pa.array(np.concatenate([np.zeros(0, np.bool_), *arrays]), dtype)
    return pa.ListArray.from_arrays(offsets, values, mask=pa.array(~present))


def _explained_items(items: pa.ListArray, scored: Bool, per_item: Mapping[str, object]) -> pa.ListArray:
    """The items column with the scores beside what the analysis found; null for rows that were not scored."""
    offsets = items.offsets.to_numpy()
    keep = np.repeat(scored, np.diff(offsets))
    found = items.values.slice(offsets[0], len(keep)).filter(pa.array(keep))
    fields = [found.field(i) for i in range(found.type.num_fields)]
    added = [pa.array(per_item[f.name], f.type) for f in list(EXPLAINED_ITEM)[len(fields) :]]
    lengths = np.where(scored, np.diff(offsets), 0)
    new_offsets = np.concatenate([np.zeros(1, np.int32), np.cumsum(lengths, dtype=np.int32)])
    values = pa.StructArray.from_arrays([*fields, *added], fields=list(EXPLAINED_ITEM))
    return pa.ListArray.from_arrays(new_offsets, values, mask=pa.array(~scored))

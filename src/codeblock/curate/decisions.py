"""What was decided about each row of a pool, as a table beside the pool's shards."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from codeblock.curate.choice import Choice
from codeblock.curate.profiles import CONTENT, POOL, QUALITY, Profiles, count_shards
from codeblock.errors import StoreError, UsageError, nearest
from codeblock.store import Counts, Done, Shards, parquet_bytes, part_name, quarantine_name, read_table
from codeblock.types import Float32, Int32

DIRECTORY = "decisions"
"""Below ``stages/``."""

DECISIONS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("reason", pa.string()),  # null for the chosen rows
        pa.field("source", pa.string()),  # as the user named it
        pa.field("rank", pa.int64()),  # in the strategy's order, from 0
        pa.field("quality", pa.list_(pa.float64())),
        pa.field("classes", pa.list_(pa.int64())),
        pa.field("notes", pa.list_(pa.string())),
        pa.field("scarcity", pa.float64()),
        pa.field("neighbours", pa.list_(pa.string())),  # ids
        pa.field("similarities", pa.list_(pa.float32())),
        pa.field("duplicate_of", pa.string()),
        pa.field("duplicate_similarity", pa.float64()),
        pa.field("task", pa.string()),
        pa.field("task_part", pa.string()),
        pa.field("task_share", pa.float64()),
    ]
)


def write_decisions(stages: Path, key: str, profiles: Profiles, choice: Choice, groups: Mapping[str, str]) -> list[Done]:
    """Write one table per shard of the pool.

    Args:
        stages: the directory of the stages.
        key: what the decisions were made from.
        profiles: of the pool.
        choice: what became of its rows.
        groups: source of each input file, as the user named it.
    """
    shards = Shards(stages / DIRECTORY)
    done: list[Done] = []
    first = 0
    for index in range(count_shards(stages)):
        content = read_table(stages / CONTENT / part_name(index), ["task", "task_part", "task_share"])
        measured = read_table(stages / QUALITY / part_name(index), ["quality", "notes"])
        here = range(first, first + content.num_rows)
        first += content.num_rows
        reasons = choice.reasons[here.start : here.stop]
        ranked = choice.rank[here.start : here.stop]
        absent = pa.array(ranked < 0)
        looked = choice.neighbours.shape[1] > 0
        columns: dict[str, Any] = {
            "id": profiles.ids[here.start : here.stop],
            "reason": reasons,
            "source": [groups[profiles.files[row]] for row in here],
            "rank": pa.array(ranked, mask=absent.to_numpy(zero_copy_only=False)),
            "quality": measured["quality"],
            "classes": [None if r < 0 else choice.classes[row].tolist() for row, r in zip(here, ranked.tolist(), strict=True)],
            "notes": measured["notes"],
            "scarcity": pa.array(choice.scarcity[here.start : here.stop], from_pandas=True),
            "neighbours": [
                _named(profiles.ids, choice.neighbours[row]) if looked and choice.rank[row] >= 0 else None for row in here
            ],
            "similarities": [_finite(choice.similarities[row]) if looked and choice.rank[row] >= 0 else None for row in here],
            "duplicate_of": [profiles.ids[other] if (other := int(choice.duplicate_of[row])) >= 0 else None for row in here],
            "duplicate_similarity": pa.array(choice.duplicate_similarity[here.start : here.stop], from_pandas=True),
            **{name: content[name] for name in content.column_names},
        }
        table = pa.table({f.name: _column(columns[f.name], f.type) for f in DECISIONS}, schema=DECISIONS)
        rejected = Counter(reason for reason in reasons if reason is not None)
        counts = Counts(len(here), len(here) - rejected.total(), dict(sorted(rejected.items())))
        done.append(shards.write(index, f"{key}-{index}", {part_name(index): parquet_bytes(table)}, counts))
    shards.prune(len(done))
    return done


def find_decisions(stages: Path, key: str) -> list[Done] | None:
    """The shards of an earlier run that decided from the same; None unless all are there."""
    shards = Shards(stages / DIRECTORY)
    found = [shards.find(index, f"{key}-{index}") for index in range(count_shards(stages))]
    done = [one for one in found if one is not None]
    return done if len(done) == len(found) else None


def count_by_source(stages: Path, groups: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """Per source, as the user named it, how many rows were kept, and how many dropped or quarantined for each reason."""
    counts: dict[str, Counter[str]] = {source: Counter() for source in groups.values()}
    for index in range(count_shards(stages)):
        table = read_table(stages / DIRECTORY / part_name(index), ["source", "reason"])
        for source, reason in zip(table["source"].to_pylist(), table["reason"].to_pylist(), strict=True):
            counts[source][reason or "kept"] += 1
        lost = stages / POOL / quarantine_name(index)
        for line in lost.read_text().splitlines() if lost.exists() else ():
            record = json.loads(line)
            counts[groups[record["source"]]][record["reason"]] += 1
    return {source: {"rows": count.total(), "kept": count["kept"], **_others(count)} for source, count in counts.items()}


def count_notes(stages: Path) -> dict[str, int]:
    """How often each note on quality was made."""
    notes: Counter[str] = Counter()
    for index in range(count_shards(stages)):
        for row in read_table(stages / QUALITY / part_name(index), ["notes"])["notes"].to_pylist():
            notes.update(row or ())
    return dict(sorted(notes.items()))


def load_decision(stages: Path, name: str) -> dict[str, Any]:
    """What was decided about one row.

    Args:
        stages: the directory of the stages.
        name: its id.

    Raises:
        StoreError: nothing was decided here.
        UsageError: no row has that id.
    """
    if not (stages / DIRECTORY).is_dir():
        raise StoreError(f"{stages.parent} holds no curation: is it the --out of a finished `codeblock curate`?")
    known: list[str] = []
    for index in range(count_shards(stages)):
        path = stages / DIRECTORY / part_name(index)
        ids: list[str] = read_table(path, ["id"])["id"].to_pylist()
        if name in ids:
            return read_table(path).slice(ids.index(name), 1).to_pylist()[0]
        known += ids[: max(0, 10_000 - len(known))]
    raise UsageError(f"no row has the id {name!r}{nearest(name, known)}")


def _others(count: Counter[str]) -> dict[str, int]:
    return {reason: number for reason, number in sorted(count.items()) if reason != "kept"}


def _named(ids: list[str], numbers: Int32) -> list[str]:
    return [ids[number] for number in numbers.tolist() if number >= 0]


def _finite(values: Float32) -> list[float]:
    return [value for value in values.tolist() if value == value]


def _column(values: Any, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    return values.cast(kind) if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, kind)

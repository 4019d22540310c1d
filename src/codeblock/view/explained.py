"""One sample with everything known about it, gathered from an artefact."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from codeblock.errors import StoreError, UsageError, nearest
from codeblock.store import read_table

Explained = dict[str, Any]
"""A row of `export.tables.ANNOTATIONS` as plain values, with the sample's `messages`, `source` and `row`."""


def load_explained(directory: Path, name: str) -> Explained:
    """Find one sample in an artefact.

    Args:
        directory: of a finished ``codeblock select``.
        name: the sample's id, or else its place in the artefact, from 0.

    Raises:
        StoreError: the directory holds no artefact, or a damaged one.
        UsageError: no sample has that id or place.
    """
    shards = sorted((directory / "annotations").glob("*.parquet"))
    if not shards:
        raise StoreError(f"{directory} holds no annotations: is it the --out of a finished `codeblock select`?")
    shard, row = _find(shards, name)
    number = shard.stem.split("-")[1]
    sample = _row(directory / "stages" / "samples" / f"part-{number}.parquet", row)
    return {**_row(shard, row), "messages": sample["messages"], "source": sample["source"], "row": sample["row"]}


def _ids(shards: list[Path]) -> Iterator[tuple[Path, list[str]]]:
    for shard in shards:
        yield shard, read_table(shard, ["id"]).column("id").to_pylist()


def _find(shards: list[Path], name: str) -> tuple[Path, int]:
    """Shard and row of a sample: an equal id wins over a place."""
    seen = 0
    place: tuple[Path, int] | None = None
    known: list[str] = []
    for shard, ids in _ids(shards):
        if name in ids:
            return shard, ids.index(name)
        if name.isdecimal() and seen <= int(name) < seen + len(ids):
            place = shard, int(name) - seen
        seen += len(ids)
        known += ids[: max(0, 10_000 - len(known))]
    if place is None:
        raise UsageError(f"no sample has the id {name!r}{nearest(name, known)} (places are 0 to {seen - 1})")
    return place


def _row(path: Path, row: int) -> dict[str, Any]:
    return read_table(path).slice(row, 1).to_pylist()[0]

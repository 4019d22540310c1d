"""A small artefact, as selection writes it, and a tiny model that can be trained on it."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from codeblock.export.card import card
from codeblock.export.labels import IGNORED, labels_hash
from codeblock.export.recipes import render_recipes
from codeblock.export.tables import ANNOTATIONS, TRAIN, ratio

VOCABULARY = 600


def random_rows(count: int, seed: int = 0, longest: int = 90) -> list[tuple[list[int], list[int]]]:
    """(input_ids, labels) with a few supervised stretches each, the last two rows equal."""
    rng = random.Random(seed)
    rows: list[tuple[list[int], list[int]]] = []
    for _ in range(count - 1):
        length = rng.randint(12, longest)
        ids = [rng.randrange(VOCABULARY) for _ in range(length)]
        labels = [IGNORED] * length
        for start in (rng.randrange(1, length) for _ in range(3)):
            labels[start : start + 4] = ids[start : start + 4]
        rows.append((ids, labels))
    return [*rows, rows[-1]]


def write_parquet(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(path, table.schema) as writer:
        if table.num_rows:  # `datasets` cannot read a row group without rows
            writer.write_table(table)


def write_shard(path: Path, rows: list[tuple[list[int], list[int]]]) -> None:
    columns = [[r[0] for r in rows], [[1] * len(r[0]) for r in rows], [r[1] for r in rows]]
    arrays = [pa.array(c, f.type) for c, f in zip(columns, TRAIN, strict=True)]
    write_parquet(path, pa.Table.from_arrays(arrays, schema=TRAIN))


def notes_of(rows: list[tuple[list[int], list[int]]]) -> pa.Table:
    """Annotations of kept rows all of whose tokens are response tokens, and of one dropped row as long as all of them."""
    supervised = [[label != IGNORED for label in labels] for _, labels in rows]
    dropped = [[False] * sum(map(len, supervised))] if rows else []
    schema = pa.schema([ANNOTATIONS.field(name) for name in ("reason", "position", "supervised", "end_of_turn")])
    lists = [*supervised, *dropped]
    columns = [None] * len(rows) + ["odd"] * len(dropped), [list(range(len(m))) for m in lists], lists, [False] * len(lists)
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)


def manifest_of(directory: Path, rows: list[tuple[list[int], list[int]]], **more: Any) -> dict[str, Any]:
    supervised = sum(label != IGNORED for _, labels in rows for label in labels)
    response = sum(len(ids) for ids, _ in rows)
    return {
        "model": "org/tiny",
        "tokenizer": "org/tiny",
        "rows": len(rows),
        "max_length": max((len(ids) for ids, _ in rows), default=0),
        "supervised_tokens": supervised,
        "end_of_turn_rows": 0,
        "response_tokens": response,
        "pool_response_tokens": 2 * response,
        "supervised_ratio": ratio(supervised, response),
        "supervised_ratio_pool": ratio(supervised, 2 * response),
        "labels_sha256": labels_hash([pa.array([labels for _, labels in rows], pa.list_(pa.int32()))]),
        "files": {
            f.relative_to(directory).as_posix(): {"size": f.stat().st_size, "sha256": hashlib.sha256(f.read_bytes()).hexdigest()}
            for f in sorted([*directory.glob("data/*.parquet"), *directory.glob("annotations/*.parquet")])
        },
        **more,
    }


def rewrite_manifest(directory: Path) -> None:
    """Accept the files as they are now; what the manifest says about their rows stays."""
    path = directory / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"] = manifest_of(directory, [])["files"]
    path.write_text(json.dumps(manifest))


def write_artefact(directory: Path, shards: list[list[tuple[list[int], list[int]]]], **more: Any) -> dict[str, Any]:
    """Write shards (zero-row ones too), annotations, manifest, recipes and card; returns the manifest."""
    for number, rows in enumerate(shards):
        write_shard(directory / f"data/train-{number:05d}.parquet", rows)
        write_parquet(directory / f"annotations/train-{number:05d}.parquet", notes_of(rows))
    manifest = manifest_of(directory, [row for rows in shards for row in rows], **more)
    (directory / "manifest.json").write_text(json.dumps(manifest))
    (directory / "README.md").write_text(card(manifest))
    for path, text in render_recipes(manifest).items():
        (directory / path).parent.mkdir(exist_ok=True)
        (directory / path).write_text(text)
    return manifest


def write_model(directory: Path) -> None:
    """Save a random two-layer model with a tokenizer whose vocabulary covers the artefact's ids."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=256,
    )
    LlamaForCausalLM(config).save_pretrained(directory)
    words = {f"w{i}": i for i in range(VOCABULARY - 1)} | {"</s>": VOCABULARY - 1}
    backend = Tokenizer(WordLevel(words, unk_token="w0"))
    PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>").save_pretrained(directory)

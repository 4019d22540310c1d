"""The artefact of a selection: training rows, annotations and a manifest, written from stored scores."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from codeblock import __version__
from codeblock.config import SelectSettings
from codeblock.errors import DataError, StoreError
from codeblock.export.card import card
from codeblock.export.labels import label_columns, labels_hash
from codeblock.export.recipes import render_recipes
from codeblock.export.tables import annotation_table, make_labels, ratio, supervised_per_item, train_table
from codeblock.schemas import list_values
from codeblock.select.plan import Plan, apply, plan, strategy
from codeblock.select.sample import KINDS, first_reasons, scored_samples
from codeblock.store import (
    Counts,
    Done,
    Shards,
    StageReport,
    parquet_bytes,
    part_name,
    read_table,
    shard_key,
    summarize,
    write_bytes_atomic,
    write_json_atomic,
)
from codeblock.types import Selection

STAGES = ("samples", "analysis", "scores")
NO_SUPERVISED_TOKEN = "no_supervised_token"

_VERSION = 2  # raise when the same scores and settings select or write differently


def default_eos_share(*, chat: bool, name: str) -> float:
    """Share of samples with a supervised end of turn (METHOD H): models with a chat template know when to stop.

    The strategy `full`, which stands for ordinary fine-tuning, always trains it.
    """
    return 0.25 if chat and name != "full" else 1.0


def check_stages(root: Path) -> None:
    """Compare every stage file of a run with the hash that was written with it.

    Raises:
        StoreError: one is damaged.
    """
    for stage in STAGES:
        shards = Shards(root / "stages" / stage)
        for index, shard in enumerate(shards.all()):
            shards.check(index, shard.key)


def write_selection(
    root: Path,
    settings: SelectSettings,
    *,
    chat: bool,
    begin: Callable[[], None] | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> tuple[StageReport, list[Done]]:
    """Select under the budget and write ``data/`` and ``annotations/``, shard by shard.

    Args:
        root: the run directory, with finished ``stages/``.
        settings: of the selection.
        chat: whether the scoring model has a chat template.
        begin: called once it is known what to choose, before an earlier selection is touched.
        progress: called after each shard with the rows done so far and their total.

    Returns:
        What was done, and the done files.

    Raises:
        StoreError: stages are absent or damaged, or the results cannot be written.
        UsageError: the strategy does not exist, or not without a reference.
        DataError: the budget is too small for anything.
    """
    started = time.monotonic()
    strategy(settings)
    sources = [Shards(root / "stages" / stage) for stage in STAGES]
    made_from = [shards.all() for shards in sources]
    count = len(made_from[0])
    if count == 0 or any(len(shards) != count for shards in made_from):
        raise StoreError(f"{root} holds no finished scores: run `codeblock select` with a model first")
    eos_share = default_eos_share(chat=chat, name=settings.strategy) if settings.eos_share is None else settings.eos_share
    reference = None if settings.reference is None else Shards(Path(settings.reference) / "stages" / "scores")
    if reference is not None:
        made_from.append(reference.all())
        if len(made_from[-1]) != count:
            raise StoreError(
                f"{settings.reference} holds no scores of the same rows: run `codeblock select` there "
                "with the same data and reading settings"
            )
    fingerprint = {"name": "select", "version": _VERSION, "settings": settings.model_dump(), "eos_share": eos_share}
    # a budget for the whole pool makes every shard depend on all scores
    key = shard_key(fingerprint, [shards[i].files[part_name(i)].sha256 for shards in made_from for i in range(count)])
    target = Shards(root / "stages" / "select", root)
    found = [target.find(index, f"{key}-{index}") for index in range(count)]
    todo = [index for index in range(count) if found[index] is None]
    first = [0, *itertools.accumulate(shard.counts.rows for shard in made_from[0])]  # number of each shard's first row
    made = None
    if todo:
        check_stages(root)
        if reference is not None:
            for index, shard in enumerate(made_from[-1]):
                reference.check(index, shard.key)
        numbered = (
            pair for index in range(count) for pair in enumerate(scored_samples(*_stages(root, settings, index)), first[index])
        )
        made = plan(((n, sample) for n, sample in numbered if sample is not None), settings, root)
        if made.nothing:
            raise DataError(
                f"no row has a supervised token under a budget of {settings.budget:g}: not even the first choice fits"
            )
    if begin is not None:
        begin()
    if made is not None:
        for index in todo:
            found[index] = _write_shard(target, root, index, f"{key}-{index}", made, first[index], eos_share)
            if progress is not None:
                progress(first[index + 1], first[count])
    target.prune(count)
    done = [d for d in found if d is not None]
    return summarize("select", done, len(todo), time.monotonic() - started), done


def write_manifest(root: Path, done: list[Done], facts: Mapping[str, Any], counts: Mapping[str, Any]) -> dict[str, Any]:
    """Write the card, the recipes and, last of all, ``manifest.json``: its presence says that the artefact is complete.

    Args:
        root: the run directory.
        done: of the selection.
        facts: what the caller knows: `model`, `tokenizer`, `config`, hashes of inputs and models.
        counts: rows by stage and reason.

    Returns:
        The manifest.
    """
    notes = [d.note for d in done]
    total: Counter[str] = Counter()
    for note in notes:
        total.update({name: int(str(note[name])) for name in ("supervised", "kept_tokens", "pool_tokens", "end_of_turn")})
    manifest = {
        "format": 1,
        **facts,
        "versions": {"codeblock": __version__, **{name: version(name) for name in ("numpy", "pyarrow", "tree-sitter")}},
        "counts": dict(counts),
        "rows": sum(d.counts.kept for d in done),
        "supervised_tokens": total["supervised"],
        "supervised_tokens_by_part": _sum_counts(notes, "parts"),
        "response_tokens": total["kept_tokens"],
        "pool_response_tokens": total["pool_tokens"],
        "supervised_ratio": ratio(total["supervised"], total["kept_tokens"]),
        "supervised_ratio_pool": ratio(total["supervised"], total["pool_tokens"]),
        "end_of_turn_rows": total["end_of_turn"],
        "items_by_verdict": _sum_counts(notes, "verdicts"),
        "supervised_items_by_kind": _sum_counts(notes, "kinds"),
        "max_length": max((int(str(note["max_length"])) for note in notes), default=0),
        "labels_sha256": labels_hash(label_columns(root / path for d in done for path in d.files if path.startswith("data/"))),
        "files": {path: {"size": f.size, "sha256": f.sha256} for d in done for path, f in d.files.items()},
    }
    for path, text in {"README.md": card(manifest), **render_recipes(manifest)}.items():
        write_bytes_atomic(root / path, text.encode())
    write_json_atomic(root / "manifest.json", manifest)
    return manifest


def _stages(root: Path, settings: SelectSettings, index: int) -> list[pa.Table]:
    """One shard of every stage, and of a reference's scores where there is one."""
    stages = [root / "stages" / stage for stage in STAGES]
    if settings.reference is not None:
        stages.append(Path(settings.reference) / "stages" / "scores")
    return [read_table(stage / part_name(index)) for stage in stages]


def _write_shard(target: Shards, root: Path, index: int, key: str, plan: Plan, first: int, eos_share: float) -> Done:
    """Apply the plan to one shard, whose first row has number `first` in the pool."""
    tables = _stages(root, plan.settings, index)
    _, analysis, scores = tables[:3]
    id_offsets, input_ids = list_values(scores.column("input_ids").combine_chunks())
    end_offsets, end_of_turn = list_values(scores.column("end_of_turn").combine_chunks())
    reasons = first_reasons(tables[:3])
    selections: list[Selection | None] = []
    texts: list[bytes | None] = []
    per_item: list[np.ndarray | None] = []
    rows: list[tuple[np.ndarray, np.ndarray]] = []
    tokens: Counter[str] = Counter()
    verdicts: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    parts: Counter[str] = Counter()
    for row, sample in enumerate(scored_samples(*tables)):
        if sample is None:
            selections.append(None)
            texts.append(None)
            per_item.append(None)
            continue
        selection = apply(plan, first + row, sample, eos_share)
        mine = supervised_per_item(sample.owner, selection.supervised, len(sample.kind))
        selections.append(selection)
        texts.append(sample.text)
        per_item.append(mine)
        tokens["pool_tokens"] += len(sample.nll)
        verdicts.update(v.value for v in selection.verdicts or ())
        ids = input_ids[id_offsets[row] : id_offsets[row + 1]]
        stops = end_of_turn[end_offsets[row] : end_offsets[row + 1]] if selection.end_of_turn else end_of_turn[:0]
        labels = make_labels(ids, np.concatenate([sample.position[selection.supervised], stops]))
        if not selection.supervised.any():
            reasons[row] = NO_SUPERVISED_TOKEN
            continue
        rows.append((ids, labels))
        tokens.update(
            supervised=int(selection.supervised.sum()), kept_tokens=len(sample.nll), end_of_turn=int(selection.end_of_turn)
        )
        kinds.update(KINDS[kind].value for kind in sample.kind[mine > 0])
        comments = int(mine[sample.is_comment].sum())
        prose = int(np.count_nonzero(selection.supervised & (sample.owner < 0)))
        parts.update(code=int(selection.supervised.sum()) - comments - prose, comments=comments, prose=prose)
    table = annotation_table(analysis, scores, reasons, texts, selections, per_item)
    files = {
        f"data/train-{index:05d}.parquet": parquet_bytes(train_table(rows)),
        f"annotations/train-{index:05d}.parquet": parquet_bytes(table),
    }
    dropped = Counter(reason for reason in reasons if reason is not None)
    note: dict[str, Any] = {
        **{name: tokens[name] for name in ("supervised", "kept_tokens", "pool_tokens", "end_of_turn")},
        "max_length": max((len(ids) for ids, _ in rows), default=0),
        "verdicts": dict(sorted(verdicts.items())),
        "kinds": dict(sorted(kinds.items())),
        "parts": dict(parts),
    }
    return target.write(index, key, files, Counts(len(reasons), len(rows), dict(sorted(dropped.items()))), note)


def _sum_counts(notes: list[dict[str, Any]], name: str) -> dict[str, int]:
    total: Counter[str] = Counter()
    for note in notes:
        total.update(note[name])
    return dict(sorted(total.items()))

"""Curation from end to end: a pool of data in, the chosen samples out, in one directory."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml

from codeblock import schemas
from codeblock.config import AnalyzeSettings, CurateRecipe, CurateSettings, ReadSettings, ScoreSettings
from codeblock.curate.benchmarks import benchmark_path, load_tasks
from codeblock.curate.choice import choose, find_sample_strategy
from codeblock.curate.decisions import DIRECTORY, count_by_source, count_notes, find_decisions, write_decisions
from codeblock.curate.embed import FIT_SAMPLES, Embedder, find_embedder
from codeblock.curate.profiles import (
    CONTENT,
    DIFFICULTY,
    EMBEDDING,
    POOL,
    QUALITY,
    count_shards,
    load_profiles,
    load_texts,
    take_rows,
)
from codeblock.curate.quality import find_sources, quality_names
from codeblock.curate.stages import ContentStage, EmbedStage, QualityStage
from codeblock.curate.strategies import Needs
from codeblock.data.inputs import Input, expand, fetch
from codeblock.data.read import InputFile, check_inputs, read
from codeblock.engine.guard import OWN_SHARE
from codeblock.engine.local import run_stage
from codeblock.engine.present import OVERWRITE, refuse_foreign
from codeblock.engine.watch import Watch
from codeblock.errors import DataError, UsageError
from codeblock.store import (
    Counts,
    Done,
    Shards,
    StageReport,
    check_counts,
    parquet_bytes,
    part_name,
    read_table,
    run_lock,
    shard_key,
    summarize,
    write_bytes_atomic,
    write_json_atomic,
)

_VERSION = 1  # raise when the same profiles lead to another choice
HUB = "stages/hub"
"""Below a run directory, the data sets that were fetched from the Hub."""

REPORT = "curation.json"
"""The report of a finished `codeblock curate`."""

_DATA_ROWS = 10_000  # per file of chosen samples
_MODEL_SOURCES = frozenset({"gce-band"})
_OUTPUT = pa.schema([f for f in schemas.SAMPLES if f.name not in ("reason", "offset")])


@dataclass(frozen=True, slots=True)
class Curation:
    """What a curation did.

    Attributes:
        report: as written, in plain values.
        stages: reports in order, with the seconds that this run spent.
        inputs: the files that were read.
        key: of the decisions.
    """

    report: dict[str, Any]
    stages: tuple[StageReport, ...]
    inputs: tuple[InputFile, ...]
    key: str


def curate(recipe: CurateRecipe, watch: Watch, *, overwrite: bool = False) -> Curation:
    """Choose samples of a pool, and write them as a data set: ``data/train-*.parquet`` in the shape of messages, best first.

    Every stage, and every part of the search for neighbours, that is already complete in the recipe's directory is not run again.

    Args:
        recipe: of the run.
        watch: shows the progress.
        overwrite: replace the result of other data in that directory.

    Raises:
        UsageError: a setting is wrong, or such a result is there.
        CodeblockError: of the exception tree, as each stage says.
    """
    root = Path(recipe.out)
    check_curation(recipe.curate, recipe.score)
    files = expand(recipe.data, root / HUB)
    check_inputs([file.path for file in files if file.hub is None], recipe.read)
    with run_lock(root):
        if not overwrite:
            _refuse_other(root, files)
        fetch(files)
        (root / REPORT).unlink(missing_ok=True)
        done = curate_pool(root / "stages", files, recipe.read, recipe.analyze, recipe.curate, recipe.score, watch)
        with watch("write") as progress:
            _write_data(root, done.key, progress)
        config = recipe.model_dump(mode="json")
        write_bytes_atomic(root / "recipe.yaml", yaml.safe_dump(config, sort_keys=False, allow_unicode=True).encode())
        write_json_atomic(root / REPORT, {**done.report, "config": config})
    return done


def check_curation(settings: CurateSettings, score: ScoreSettings | None) -> None:
    """Find what is wrong with the settings before any time is spent.

    Raises:
        UsageError: a name does not exist, or a model is needed and none is named.
        MissingExtraError: the embedder's library is not installed.
    """
    strategy = find_sample_strategy(settings.sample_strategy)
    names = quality_names(settings.quality)
    find_sources(names)
    for path in _benchmarks(settings):
        load_tasks(path)
    if settings.gce_low >= settings.gce_high:
        raise UsageError(f"the band of gce-band is empty: gce_low is {settings.gce_low:g}, gce_high {settings.gce_high:g}")
    if needs_model(settings) and score is None:
        what = "sample strategy ifd" if Needs.DIFFICULTY in strategy.needs else "quality source gce-band"
        raise UsageError(f"{what} needs a scoring model: name it with --model")
    if _embeds(settings):
        find_embedder(settings.embedder)


def needs_model(settings: CurateSettings) -> bool:
    """Whether a scoring model has to look at the whole pool."""
    strategy = find_sample_strategy(settings.sample_strategy)
    wants_quality = Needs.QUALITY in strategy.needs and not _MODEL_SOURCES.isdisjoint(quality_names(settings.quality))
    return Needs.DIFFICULTY in strategy.needs or wants_quality


def curate_pool(
    stages: Path,
    files: Sequence[Input],
    reading: ReadSettings,
    analyzing: AnalyzeSettings,
    settings: CurateSettings,
    scoring: ScoreSettings | None,
    watch: Watch,
) -> Curation:
    """Read a pool and decide which of its samples are chosen, below ``stages``.

    Raises:
        DataError: no row can be used.
        CodeblockError: of the exception tree, as each stage says.
    """
    pool, content, quality, embedding = (stages / name for name in (POOL, CONTENT, QUALITY, EMBEDDING))
    workers = analyzing.workers or os.cpu_count() or 1
    names = quality_names(settings.quality)
    benchmarks = _benchmarks(settings)
    with watch("read") as progress:
        shard_rows = {"shard_rows": settings.pool_shard_rows}
        reads = read([file.path for file in files], reading.model_copy(update=shard_rows), pool, progress=progress)
    groups = {read_as.name: file.source for read_as, file in zip(reads.inputs, files, strict=True)}
    reports = [replace(reads.stage, name=POOL)]
    with watch("content") as progress:
        stage = ContentStage(benchmarks, settings.overlap)
        reports.append(run_stage(stage, [pool], content, workers=workers, progress=progress))
    with watch("quality") as progress:
        measure = QualityStage(names, analyzing.seconds * OWN_SHARE)
        limit = analyzing.seconds if measure.parses else None
        inputs = [pool, content]
        reports.append(run_stage(measure, inputs, quality, workers=workers, row_seconds=limit, progress=progress))
    if needs_model(settings):
        assert scoring is not None
        from codeblock.scoring.difficulty import DifficultyStage

        with watch("difficulty") as progress:
            wants_ifd = Needs.DIFFICULTY in find_sample_strategy(settings.sample_strategy).needs
            harder = DifficultyStage(scoring, ifd=wants_ifd)
            reports.append(run_stage(harder, [pool, content], stages / DIFFICULTY, progress=progress))
    if _embeds(settings):
        with watch("embedding") as progress:
            embed = _embed_stage(find_embedder(settings.embedder), stages)
            reports.append(run_stage(embed, [pool, content], embedding, workers=workers if embed.light else 1, progress=progress))
    used = [POOL, CONTENT, QUALITY]
    used += [DIFFICULTY] if needs_model(settings) else []
    used += [EMBEDDING] if _embeds(settings) else []
    key = _key(stages, used, settings, groups)
    started = time.monotonic()
    done = find_decisions(stages, key)
    made = 0
    if done is None:
        with watch("choose") as progress:
            profiles = load_profiles(stages, names, used)
            choice = choose(stages, profiles, settings, find_sources(names), groups, progress)
            done = write_decisions(stages, key, profiles, choice, groups)
            made = len(done)
            write_json_atomic(stages / DIRECTORY / "facts.json", choice.facts)
            table = pa.table({"row": choice.order})
            write_bytes_atomic(stages / DIRECTORY / "order.parquet", parquet_bytes(table))
    chosen = summarize("choice", done, made, time.monotonic() - started)
    if not chosen.kept:
        raise DataError(f"none of {reads.stage.rows} rows is chosen: {dict(chosen.rejected.most_common(5))}")
    rejected, quarantined = dict(sorted(chosen.rejected.items())), dict(sorted(reads.stage.quarantined.items()))
    check_counts(Counts(reads.stage.rows, chosen.kept, rejected, quarantined), "the whole curation")
    counts = {"rows_in": reads.stage.rows, "quarantined": quarantined, "rejected": rejected, "kept": chosen.kept}
    report: dict[str, Any] = {
        "inputs": [asdict(file) for file in reads.inputs],
        "counts": counts,
        "sources": count_by_source(stages, groups),
        "quality_notes": count_notes(stages),
        "benchmarks": {path.name: len(load_tasks(path)) for path in benchmarks},
        "neighbours": json.loads((stages / DIRECTORY / "facts.json").read_bytes()),
        **response_bytes(stages),
    }
    return Curation(report, (*reports, chosen), reads.inputs, key)


def chosen_samples(stages: Path) -> pa.Table:
    """The rows of the chosen samples in the columns of `schemas.SAMPLES`, best first."""
    order = read_table(stages / DIRECTORY / "order.parquet")["row"].to_numpy()
    place = np.argsort(order, kind="stable")
    found = pa.concat_tables([table for _, table in take_rows(stages, POOL, None, order[place])])
    return found.take(pa.array(np.argsort(place, kind="stable"))).combine_chunks()


def write_samples(stages: Path, key: str, out: Path, shard_rows: int) -> StageReport:
    """Write the chosen samples as the first stage of ``codeblock select``.

    Args:
        stages: the directory of the stages.
        key: of the decisions.
        out: directory of the samples' shards.
        shard_rows: rows per shard.
    """
    started = time.monotonic()
    shards = Shards(out)
    done: list[Done] = []
    made = 0
    for index, part in enumerate(_parts(chosen_samples(stages), shard_rows)):
        here = f"{key}-{shard_rows}-{index}"
        found = shards.find(index, here)
        if found is None:
            part = part.select(schemas.SAMPLES.names).cast(schemas.SAMPLES)
            found = shards.write(index, here, {part_name(index): parquet_bytes(part)}, Counts(part.num_rows, part.num_rows))
            made += 1
        done.append(found)
    shards.prune(len(done))
    return summarize("samples", done, made, time.monotonic() - started)


def response_bytes(stages: Path) -> dict[str, int]:
    """Bytes of the responses of all readable rows, and of the chosen ones."""
    total = kept = 0
    for index in range(count_shards(stages)):
        size = read_table(stages / CONTENT / part_name(index), ["response_bytes"])["response_bytes"].fill_null(0).to_numpy()
        reason = read_table(stages / DIRECTORY / part_name(index), ["reason"])["reason"]
        total += int(size.sum())
        kept += int(size[reason.is_null().to_numpy()].sum())
    return {"pool_response_bytes": total, "kept_response_bytes": kept}


def _write_data(root: Path, key: str, progress: Callable[[int, int | None], None]) -> list[Done]:
    """The chosen samples as files that trainers and `codeblock select` read."""
    shards = Shards(root / "stages" / "data", root)
    samples = chosen_samples(root / "stages").select(_OUTPUT.names).cast(_OUTPUT)
    done: list[Done] = []
    for index, part in enumerate(_parts(samples, _DATA_ROWS)):
        found = shards.find(index, f"{key}-{index}")
        if found is None:
            content = {f"data/train-{index:05d}.parquet": parquet_bytes(part)}
            found = shards.write(index, f"{key}-{index}", content, Counts(part.num_rows, part.num_rows))
        done.append(found)
        progress(min(samples.num_rows, (index + 1) * _DATA_ROWS), samples.num_rows)
    shards.prune(len(done))
    return done


def _parts(table: pa.Table, rows: int) -> Iterator[pa.Table]:
    for begin in range(0, table.num_rows, rows):
        yield table.slice(begin, rows)


def _embeds(settings: CurateSettings) -> bool:
    needs = find_sample_strategy(settings.sample_strategy).needs
    return settings.embeddings is None and not needs.isdisjoint({Needs.SCARCITY, Needs.VECTORS})


def _benchmarks(settings: CurateSettings) -> list[Path]:
    return [benchmark_path(name.strip()) for name in settings.benchmarks.split(",")] if settings.benchmarks else []


def _embed_stage(embedder: Embedder, stages: Path) -> EmbedStage:
    """The stage; an embedder that learns does so from the texts with the smallest content hashes, whatever their order."""
    if not embedder.fits:
        return EmbedStage(embedder, list, None)
    hashes: list[tuple[bytes, int]] = []
    first = 0
    for index in range(count_shards(stages)):
        column = read_table(stages / CONTENT / part_name(index), ["content"])["content"].to_pylist()
        hashes += [(value, first + n) for n, value in enumerate(column) if value is not None]
        first += len(column)
    smallest = sorted(dict(sorted(hashes, reverse=True)).items())[:FIT_SAMPLES]
    digest = hashlib.sha256(b"".join(value for value, _ in smallest)).hexdigest()
    rows = np.array([row for _, row in smallest], dtype=np.int64)
    return EmbedStage(embedder, partial(load_texts, stages, rows), digest)


def _key(stages: Path, used: Sequence[str], settings: CurateSettings, groups: Mapping[str, str]) -> str:
    """What the decisions are made from."""
    files = [file.sha256 for name in used for done in Shards(stages / name).all() for file in done.files.values()]
    made_of = settings.model_dump(exclude={"pool_shard_rows", "embeddings"})
    if settings.embeddings is not None:
        with Path(settings.embeddings).open("rb") as file:
            files.append(hashlib.file_digest(file, "sha256").hexdigest())
    return shard_key({"name": DIRECTORY, "version": _VERSION, "settings": made_of, "groups": dict(groups)}, files)


def _refuse_other(root: Path, files: Sequence[Input]) -> None:
    """Raise `UsageError` where a finished curation of other data, or something else, would be replaced."""
    refuse_foreign(root, "stages/scored.json", "codeblock select")
    try:
        before = json.loads((root / REPORT).read_bytes())["inputs"]
    except (OSError, ValueError, KeyError):
        return
    names = [file.path.name for file in files]
    if [Path(file["name"]).name for file in before] != names:
        raise UsageError(f"{root} holds a curation of other data than {', '.join(names[:5])}: {OVERWRITE}")

"""``codeblock select`` from end to end: the stages in order, in one directory."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml

from codeblock.analyze.stage import AnalyzeStage
from codeblock.config import Recipe, build_recipe
from codeblock.data.read import read
from codeblock.engine.local import run_stage
from codeblock.errors import StoreError
from codeblock.export.artefact import STAGES, write_manifest, write_selection
from codeblock.scoring.stage import ScoreStage
from codeblock.select.plan import strategy
from codeblock.store import StageReport, run_lock, write_bytes_atomic, write_json_atomic

_SCORED = "stages/scored.json"


class Watch(Protocol):
    """Shows how far a stage is."""

    def __call__(self, stage: str) -> AbstractContextManager[Callable[[int, int | None], None]]:
        """Enter for the time of one stage; what it gives is called with the rows done so far and their total, None if unknown."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did.

    Attributes:
        manifest: as written.
        stages: reports in order, with the seconds that this run spent.
    """

    manifest: dict[str, Any]
    stages: tuple[StageReport, ...]


def run(recipe: Recipe, watch: Watch) -> Outcome:
    """Read, analyse, score, select: run every stage that is not already complete in the recipe's directory.

    Raises:
        CodeblockError: of the exception tree, as each stage says.
    """
    strategy(recipe.select.strategy)
    root = Path(recipe.out)
    samples, analysis, scores = (root / "stages" / stage for stage in STAGES)
    analyze, score = AnalyzeStage(recipe.analyze.seconds, recipe.analyze.max_bytes), ScoreStage(recipe.score)
    with run_lock(root):
        _start(root)
        with watch("read") as progress:
            reading = read([Path(path) for path in recipe.data], recipe.read, samples, progress=progress)
        with watch("analyze") as progress:
            workers = recipe.analyze.workers or os.cpu_count() or 1
            # the stage watches its own time; the guard ends what no check inside it can
            limit = recipe.analyze.seconds + 0.5
            analyzing = run_stage(analyze, [samples], analysis, workers=workers, row_seconds=limit, progress=progress)
        with watch("score") as progress:
            # of the samples alone: what the analysis finds never makes scores stale, which are much dearer
            scoring = run_stage(score, [samples], scores, progress=progress)
        reports = reading.stage, analyzing, scoring
        facts = {
            "model": recipe.score.model,
            **score.facts(),
            "inputs": [asdict(file) for file in reading.inputs],
            "analysis": dict(analyze.fingerprint()),
            "scores": dict(score.fingerprint()),
        }
        read_counts = {"rows_in": reading.stage.rows, "quarantined": dict(sorted(reading.stage.quarantined.items()))}
        scored = {"facts": facts, "counts": read_counts, "config": recipe.model_dump(mode="json")}
        write_json_atomic(root / _SCORED, scored)
        return _finish(root, recipe, scored, reports, watch)


def reselect(source: Path, out: Path, changes: Mapping[str, Any], watch: Watch) -> Outcome:
    """Select again from the stored scores of an earlier run, without its model or data.

    Args:
        source: directory of the earlier run.
        out: where the new artefact goes; may be `source` itself.
        changes: selection settings that differ from those of `source`.
        watch: shows the progress.

    Raises:
        StoreError: `source` holds no scores.
        UsageError: a setting is wrong.
    """
    scored = read_scored(source)
    values = {**scored["config"], "out": str(out), "select": {**scored["config"]["select"], **changes}}
    recipe = build_recipe(values)
    strategy(recipe.select.strategy)
    with run_lock(out):
        _start(out)
        if out.resolve() != source.resolve():
            _link_stages(source, out)
        return _finish(out, recipe, scored, (), watch)


def read_scored(directory: Path) -> dict[str, Any]:
    """What is known of the stored scores in a run directory: `facts`, `counts` and the `config` of the run that made them.

    Raises:
        StoreError: there are none.
    """
    path = directory / _SCORED
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise StoreError(f"{directory} holds no finished scores: is it the --out of a `codeblock select`?") from None
    except (OSError, ValueError) as error:
        raise StoreError(f"cannot read {path}: {error}") from error


def _start(root: Path) -> None:
    """Remove the manifest, which says that all is complete, before anything that it speaks of changes."""
    (root / "manifest.json").unlink(missing_ok=True)


def _finish(root: Path, recipe: Recipe, scored: dict[str, Any], reports: Sequence[StageReport], watch: Watch) -> Outcome:
    """Select from the scores in `root`, and write the artefact."""
    with watch("select") as progress:
        selecting, done = write_selection(root, recipe.select, chat=scored["facts"]["chat"], progress=progress)
        counts = {**scored["counts"], "rejected": dict(sorted(selecting.rejected.items())), "kept": selecting.kept}
        facts = {**scored["facts"], "config": recipe.model_dump(mode="json")}
        manifest = write_manifest(root, done, facts, counts)
    write_bytes_atomic(root / "recipe.yaml", yaml.safe_dump(facts["config"], sort_keys=False, allow_unicode=True).encode())
    return Outcome(manifest, (*reports, selecting))


def _link_stages(source: Path, out: Path) -> None:
    """Give `out` the stored stages of `source`; finished files are never changed in place, so a link is as good as a copy."""
    for stage in STAGES:
        shutil.rmtree(out / "stages" / stage, ignore_errors=True)
        shutil.copytree(source / "stages" / stage, out / "stages" / stage, copy_function=_link)
    write_bytes_atomic(out / _SCORED, (source / _SCORED).read_bytes())


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)

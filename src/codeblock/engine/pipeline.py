"""``codeblock select`` from end to end: the stages in order, in one directory."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from codeblock.analyze.stage import AnalyzeStage
from codeblock.config import Recipe, build_recipe
from codeblock.data.inputs import Input, expand, fetch
from codeblock.data.read import check_inputs, describe_inputs, read
from codeblock.engine.curation import HUB, REPORT, check_curation, curate_pool, write_samples
from codeblock.engine.guard import OWN_SHARE
from codeblock.engine.local import run_stage
from codeblock.engine.present import OVERWRITE, refuse_foreign
from codeblock.engine.watch import Watch
from codeblock.errors import DataError, StoreError, UsageError
from codeblock.export.artefact import NO_SUPERVISED_TOKEN, STAGES, check_stages, write_manifest, write_selection
from codeblock.scoring.stage import ScoreStage
from codeblock.select.plan import strategy
from codeblock.store import (
    Counts,
    Shards,
    StageReport,
    check_counts,
    done_name,
    run_lock,
    shard_key,
    write_bytes_atomic,
    write_json_atomic,
)

_SCORED = "stages/scored.json"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did.

    Attributes:
        manifest: as written.
        stages: reports in order, with the seconds that this run spent.
    """

    manifest: dict[str, Any]
    stages: tuple[StageReport, ...]


def run(recipe: Recipe, watch: Watch, *, overwrite: bool = False) -> Outcome:
    """Read, analyse, score, select: run every stage that is not already complete in the recipe's directory.

    Args:
        recipe: of the run.
        watch: shows the progress.
        overwrite: replace a finished result of other data, or of other scores, in that directory.

    Raises:
        UsageError: such a result is there.
        CodeblockError: of the exception tree, as each stage says.
    """
    root = Path(recipe.out)
    files = expand(recipe.data, root / HUB)
    samples, analysis, scores = (root / "stages" / stage for stage in STAGES)
    seconds = recipe.analyze.seconds
    analyze, score = AnalyzeStage(seconds * OWN_SHARE, recipe.analyze.max_bytes), ScoreStage(recipe.score)
    # what is wrong with the call shows before anything is changed or any time is spent
    strategy(recipe.select)
    if recipe.curate is not None:
        check_curation(recipe.curate, recipe.score)
    check_inputs([file.path for file in files if file.hub is None], recipe.read)
    scoring_facts = {**score.facts(), "scores": dict(score.fingerprint())}
    with run_lock(root):
        if not overwrite:
            refuse_foreign(root, REPORT, "codeblock curate")
        fetch(files)
        if not overwrite:
            _refuse_other(root, recipe, files, scoring_facts["scores"])
        _start(root)
        if recipe.curate is None:
            with watch("read") as progress:
                reading = read([file.path for file in files], recipe.read, samples, progress=progress)
            inputs, first, curation = reading.inputs, (reading.stage,), {}
        else:
            pool = curate_pool(root / "stages", files, recipe.read, recipe.analyze, recipe.curate, recipe.score, watch)
            chosen = write_samples(root / "stages", pool.key, samples, recipe.read.shard_rows)
            inputs, first, curation = pool.inputs, (*pool.stages, chosen), {"curation": pool.report}
        with watch("analyze") as progress:
            workers = recipe.analyze.workers or os.cpu_count() or 1
            analyzing = run_stage(analyze, [samples], analysis, workers=workers, row_seconds=seconds, progress=progress)
        with watch("score") as progress:
            # of the samples alone: what the analysis finds never makes scores stale, which are much dearer
            scoring = run_stage(score, [samples], scores, progress=progress)
        reports = *first, analyzing, scoring
        facts = {
            "model": recipe.score.model,
            **scoring_facts,
            "inputs": [asdict(file) for file in inputs],
            "analysis": dict(analyze.fingerprint()),
            **curation,
        }
        read_counts = {"rows_in": first[0].rows, "quarantined": dict(sorted(first[0].quarantined.items()))}
        scored = {"facts": facts, "counts": read_counts, "config": recipe.model_dump(mode="json"), "stages": _digests(root)}
        write_json_atomic(root / _SCORED, scored)
        return _finish(root, recipe, scored, reports, watch)


def reselect(source: Path, out: Path, changes: Mapping[str, Any], watch: Watch, *, overwrite: bool = False) -> Outcome:
    """Select again from the stored scores of an earlier run, without its model or data.

    Args:
        source: directory of the earlier run.
        out: where the new artefact goes; may be `source` itself.
        changes: selection settings that differ from those of `source`.
        watch: shows the progress.
        overwrite: replace what another run has scored in `out`.

    Raises:
        StoreError: `source` holds no scores.
        UsageError: a setting is wrong, or `out` holds other scores.
    """
    scored = read_scored(source)
    values = {**scored["config"], "out": str(out), "select": {**scored["config"]["select"], **changes}}
    recipe = build_recipe(values)
    strategy(recipe.select)
    with run_lock(out):
        if not overwrite:
            refuse_foreign(out, REPORT, "codeblock curate")
            if (there := _scored_before(out)) and there["stages"] != scored["stages"]:
                raise UsageError(f"{out} holds other scores than {source}: {OVERWRITE}")
        if out.resolve() != source.resolve():
            _start(out)
            check_stages(source)
            _link_stages(source, out)
        # of what is in `out` now: another run may be changing `source`
        if _digests(out) != scored["stages"]:
            raise StoreError(
                f"the stages in {source} are not those that were scored together: a later run into it did not finish, "
                "so run `codeblock select` with its data and model again"
            )
        return _finish(out, recipe, scored, (), watch)


def read_scored(directory: Path) -> dict[str, Any]:
    """What is known of the stored scores in a run directory: `facts`, `counts` and the `config` of the run that made them.

    Raises:
        StoreError: there are none.
    """
    path = directory / _SCORED
    try:
        scored = json.loads(path.read_bytes())
        if not (isinstance(scored, dict) and scored.keys() >= {"facts", "counts", "config", "stages"}):
            raise ValueError("it does not say what was scored")
        return scored
    except (FileNotFoundError, NotADirectoryError):
        raise StoreError(f"{directory} holds no finished scores: is it the --out of a `codeblock select`?") from None
    except (OSError, ValueError) as error:
        raise StoreError(f"cannot read {path}: {error}; run the command that made it again") from error


def _scored_before(root: Path) -> dict[str, Any] | None:
    """What a finished run scored in a directory; None where none did."""
    try:
        return read_scored(root)
    except StoreError:
        return None


def _refuse_other(root: Path, recipe: Recipe, files: Sequence[Input], scores: Mapping[str, Any]) -> None:
    """Raise `UsageError` where a finished run of other data or another model would be replaced: its scores are dear."""
    there = _scored_before(root)
    if there is None:
        return
    was, now = there["facts"]["inputs"], [asdict(file) for file in describe_inputs([file.path for file in files])]
    names = [[file["name"] for file in files] for files in (was, now)]
    differences = [
        ("data", *names),
        *((f"data {old['name']}", old["sha256"], new["sha256"]) for old, new in zip(was, now, strict=False)),
    ]
    read = recipe.read.model_dump(mode="json")
    differences += [(name, old, read.get(name)) for name, old in there["config"]["read"].items() if name != "max_quarantined"]
    curated, curate = (there["config"].get("curate") or {}), recipe.curate.model_dump(mode="json") if recipe.curate else {}
    differences += [(f"curate.{name}", curated.get(name), curate.get(name)) for name in {**curated, **curate}]
    differences += [(f"scoring {name}", old, scores.get(name)) for name, old in there["facts"]["scores"].items()]
    for name, old, new in differences:
        if old != new:
            raise UsageError(f"{root} holds the result of another run, whose {name} is {old!r}, not {new!r}: {OVERWRITE}")


def _start(root: Path) -> None:
    """Remove the manifest, which says that all is complete, before anything that it speaks of changes."""
    (root / "manifest.json").unlink(missing_ok=True)


def _finish(root: Path, recipe: Recipe, scored: dict[str, Any], reports: Sequence[StageReport], watch: Watch) -> Outcome:
    """Select from the scores in `root`, and write the artefact."""
    with watch("select") as progress:
        selecting, done = write_selection(
            root, recipe.select, chat=scored["facts"]["chat"], begin=lambda: _start(root), progress=progress
        )
    if selecting.kept == 0:
        lost = selecting.rejected + Counter(scored["counts"]["quarantined"])
        under = f"has a supervised token under a budget of {recipe.select.budget:g}"
        raise DataError(
            f"none of {scored['counts']['rows_in']} rows {under if NO_SUPERVISED_TOKEN in lost else 'can be used'}: "
            + ", ".join(f"{reason} {count}" for reason, count in lost.most_common())
        )
    lost = selecting.rejected + Counter(scored["facts"].get("curation", {}).get("counts", {}).get("rejected", {}))
    reading, rejected = scored["counts"], dict(sorted(lost.items()))
    check_counts(Counts(reading["rows_in"], selecting.kept, rejected, reading["quarantined"]), "the whole run")
    config = recipe.model_dump(mode="json")
    write_bytes_atomic(root / "recipe.yaml", yaml.safe_dump(config, sort_keys=False, allow_unicode=True).encode())
    manifest = write_manifest(
        root, done, {**scored["facts"], "config": config}, {**reading, "rejected": rejected, "kept": selecting.kept}
    )
    return Outcome(manifest, (*reports, selecting))


def _digests(root: Path) -> dict[str, str]:
    """Per stage, a hash of what its shards were made from and of what they hold, as their done files say."""
    return {stage: shard_key({}, [repr(done) for done in Shards(root / "stages" / stage).all()]) for stage in STAGES}


def _link_stages(source: Path, out: Path) -> None:
    """Give `out` the stored stages of `source`; finished files are never changed in place, so a link is as good as a copy."""
    (out / _SCORED).unlink(missing_ok=True)
    for stage in STAGES:
        there, here = source / "stages" / stage, out / "stages" / stage
        shutil.rmtree(here, ignore_errors=True)
        for index, done in enumerate(Shards(there).all()):
            for name in (*done.files, done_name(index)):
                _link(there / name, here / name)
    write_bytes_atomic(out / _SCORED, (source / _SCORED).read_bytes())


def _link(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, target)
        return
    except OSError:  # another file system, or one without links
        pass
    try:
        content = source.read_bytes()
    except OSError as error:
        raise StoreError(f"cannot read {source}: {error.strerror}; run the command that made it again") from error
    write_bytes_atomic(target, content)

"""``codeblock select``: the main job, from data and a model to supervised tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from codeblock.cli.options import by_section, merge, with_settings
from codeblock.config import (
    AnalyzeSettings,
    CurateSettings,
    ReadSettings,
    ScoreSettings,
    SelectSettings,
    build_recipe,
    load_recipe,
)
from codeblock.errors import UsageError

SECTIONS = {
    "select": SelectSettings,
    "curate": CurateSettings,
    "score": ScoreSettings,
    "read": ReadSettings,
    "analyze": AnalyzeSettings,
}


@with_settings(**SECTIONS)
def select(
    data: Annotated[
        list[str] | None,
        typer.Argument(help="JSONL, JSONL.gz, JSON or Parquet files, directories, globs or hub ids.", show_default=False),
    ] = None,
    out: Annotated[str | None, typer.Option(help="Directory of the results.", show_default=False)] = None,
    reuse: Annotated[
        Path | None,
        typer.Option(help="Select again from the scores of this earlier result, without its model.", show_default=False),
    ] = None,
    recipe: Annotated[Path | None, typer.Option(help="Settings from a YAML file; flags win.", show_default=False)] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace the result of other data or another model in --out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest on stdout.")] = False,
    **settings: Any,
) -> None:
    """Choose the tokens of each response that are worth learning, and write them as a dataset that trainers load."""
    flags = by_section(settings, **SECTIONS)
    flags |= {name: value for name, value in {"data": data, "out": out}.items() if value}
    values = merge(load_recipe(recipe) if recipe else {}, flags)
    if reuse is not None:
        _reselect(reuse, values, overwrite, as_json)
    else:
        run_recipe(values, overwrite, as_json)


def run_recipe(values: dict[str, Any], overwrite: bool, as_json: bool) -> None:
    """Run a recipe of plain values and show the outcome."""
    recipe = build_recipe(values)
    from codeblock.engine.pipeline import run
    from codeblock.view.progress import watch
    from codeblock.view.summary import show

    outcome = run(recipe, watch, overwrite=overwrite)
    show(outcome, recipe.out)
    if as_json:
        print(json.dumps(outcome.manifest))


def _reselect(source: Path, values: dict[str, Any], overwrite: bool, as_json: bool) -> None:
    """Select again; data and scoring settings may be repeated on the command line, but not changed."""
    from codeblock.engine.pipeline import read_scored, reselect
    from codeblock.view.progress import watch
    from codeblock.view.summary import show

    out = values.pop("out", str(source))
    changes = values.pop("select", {})
    scored = read_scored(source)["config"]
    for section, given in values.items():
        for name, value in given.items() if isinstance(given, dict) else [(None, given)]:
            there = (scored.get(section) or {}).get(name) if name else scored.get(section)
            if value != there:
                raise UsageError(
                    f"--reuse selects from the scores in {source}, where {name or section} is {there!r}, not {value!r}: "
                    "leave it out, or run without --reuse"
                )
    outcome = reselect(source, Path(out), changes, watch, overwrite=overwrite)
    show(outcome, out)
    if as_json:
        print(json.dumps(outcome.manifest))

"""``codeblock curate``: the samples of a pool that are worth learning from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from codeblock.cli.options import by_section, merge, with_settings
from codeblock.config import (
    AnalyzeSettings,
    CurateRecipe,
    CurateSettings,
    ReadSettings,
    ScoreSettings,
    build_recipe,
    load_recipe,
)
from codeblock.errors import UsageError

SECTIONS = {"curate": CurateSettings, "read": ReadSettings, "analyze": AnalyzeSettings, "score": ScoreSettings}


@with_settings(**SECTIONS)
def curate(
    data: Annotated[
        list[str] | None,
        typer.Argument(help="JSONL, JSONL.gz, JSON or Parquet files, directories, globs or hub ids.", show_default=False),
    ] = None,
    out: Annotated[str | None, typer.Option(help="Directory of the results.", show_default=False)] = None,
    explain: Annotated[
        str | None, typer.Option(help="Say why the row with this id was kept or dropped in --out.", show_default=False)
    ] = None,
    recipe: Annotated[Path | None, typer.Option(help="Settings from a YAML file; flags win.", show_default=False)] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace the result of other data in --out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report, or the explanation, on stdout.")] = False,
    **settings: Any,
) -> None:
    """Choose the samples that are worth learning from: of good quality, rare, no duplicates, no benchmark tasks."""
    if explain is not None:
        if out is None:
            raise UsageError("--explain needs the directory of a finished curation: name it with --out")
        _explain(Path(out), explain, as_json)
        return
    flags = by_section(settings, **SECTIONS)
    flags |= {name: value for name, value in {"data": data, "out": out}.items() if value}
    values = merge(load_recipe(recipe) if recipe else {}, flags)
    if values.get("score") == {}:
        del values["score"]
    built = build_recipe(values, CurateRecipe)
    from codeblock.engine.curation import curate as run
    from codeblock.view.curated import show
    from codeblock.view.progress import watch

    done = run(built, watch, overwrite=overwrite)
    show(done, built.out)
    if as_json:
        print(json.dumps(done.report))


def _explain(directory: Path, name: str, as_json: bool) -> None:
    """Show why one row was kept or dropped."""
    from codeblock.view.curated import load_curated, print_curated

    decision = load_curated(directory, name)
    if as_json:
        print(json.dumps(decision))
    else:
        print_curated(decision)

"""``codeblock run``: a recipe from a YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from codeblock.config import load_recipe


def run(
    recipe: Annotated[Path, typer.Argument(help="A recipe, e.g. the recipe.yaml of an earlier result.", show_default=False)],
    overwrite: Annotated[bool, typer.Option(help="Replace the result of other data or another model.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest on stdout.")] = False,
) -> None:
    """Run a recipe: the same as `codeblock select --recipe`. Its paths count from the current directory."""
    from codeblock.cli.select import run_recipe

    run_recipe(load_recipe(recipe), overwrite, as_json)

"""``codeblock run``: a recipe from a YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from codeblock.config import load_recipe


def run(
    recipe: Annotated[Path, typer.Argument(help="A recipe, e.g. the recipe.yaml of an earlier result.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest on stdout.")] = False,
) -> None:
    """Run a recipe: the same as `codeblock select --recipe`."""
    from codeblock.cli.select import run_recipe

    run_recipe(load_recipe(recipe), as_json)

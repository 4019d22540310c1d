"""``codeblock run``: a recipe from a YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from codeblock.config import load_recipe


def run(
    recipe: Annotated[Path, typer.Argument(help="A recipe, e.g. recipe.yaml or train.yaml of a result.", show_default=False)],
    overwrite: Annotated[bool, typer.Option(help="Replace the result of other data or another model.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest on stdout.")] = False,
) -> None:
    """Run a recipe: the same as `codeblock select --recipe`, or `codeblock train --recipe` if it says how to train.

    Its paths count from the current directory.
    """
    values = load_recipe(recipe)
    if values.keys() & {"train", "savings"}:
        from codeblock.cli.train import run_training

        run_training(values, None, overwrite, as_json)
    else:
        from codeblock.cli.select import run_recipe

        run_recipe(values, overwrite, as_json)

"""``codeblock train``: a model trained on the supervised tokens of an artefact."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from codeblock.cli.options import by_section, merge, with_settings
from codeblock.config import SavingsSettings, TrainSettings, build_train_recipe, load_recipe

SECTIONS = {"train": TrainSettings, "savings": SavingsSettings}


@with_settings(**SECTIONS)
def train(
    data: Annotated[str | None, typer.Argument(help="A result of `codeblock select`.", show_default=False)] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Hub id, directory or GGUF file; the model that scored the data when absent.", show_default=False),
    ] = None,
    out: Annotated[str | None, typer.Option(help="Directory of the trained model.", show_default=False)] = None,
    preset: Annotated[str | None, typer.Option(help="Settings to start from: paper or quick.", show_default=False)] = None,
    recipe: Annotated[Path | None, typer.Option(help="Settings from a YAML file; flags win.", show_default=False)] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace the result of another run in --out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done on stdout.")] = False,
    **settings: Any,
) -> None:
    """Train a model on the supervised tokens of a result, computing only what they need.

    The same command goes on from the last checkpoint. For several processes: `accelerate launch -m codeblock train ...`.
    """
    flags = by_section(settings, **SECTIONS)
    flags |= {name: value for name, value in {"data": data, "out": out, "model": model}.items() if value}
    run_training(merge(load_recipe(recipe) if recipe else {}, flags), preset, overwrite, as_json)


def run_training(values: dict[str, Any], preset: str | None, overwrite: bool, as_json: bool) -> None:
    """Train by a recipe of plain values and show the outcome; in several processes the first one does."""
    made = build_train_recipe(values, preset)
    from codeblock.train.run import train as run
    from codeblock.view.training import show_training, watch_training

    if int(os.environ.get("RANK", "0")) != 0:
        run(made, overwrite=overwrite)
        return
    with watch_training() as report:
        done = run(made, report, overwrite=overwrite)
    show_training(done)
    if as_json:
        print(json.dumps(done))

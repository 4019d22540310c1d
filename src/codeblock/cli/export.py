"""``codeblock export``: a result in the form that another trainer wants."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    directory: Annotated[Path, typer.Argument(help="A result of `codeblock select`.", show_default=False)],
    form: Annotated[
        str,
        typer.Option(
            "--format", help="arrow (LLaMA-Factory) or shifted (labels one place earlier: torchtune, NeMo).", show_default=False
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="Directory to write.", show_default="DIRECTORY/arrow or /shifted")] = None,
) -> None:
    """Write a result's training rows for trainers that do not read its Parquet files."""
    from rich.console import Console

    from codeblock.export.convert import convert

    target = out or directory / form
    rows = convert(directory, form, target)
    Console(stderr=True, highlight=False).print(f"{rows:,} rows written to {target}")

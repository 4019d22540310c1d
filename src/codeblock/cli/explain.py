"""``codeblock explain``: what was chosen of one sample, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from codeblock.errors import UsageError


def explain(
    path: Annotated[Path, typer.Argument(help="A result of `codeblock select`, or a source file.", show_default=False)],
    name: Annotated[
        str | None, typer.Option("--id", help="The sample's id, or its place in the result from 0.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print plain data instead.")] = False,
    width: Annotated[int | None, typer.Option(min=20, help="Columns to use; those of the terminal when absent.")] = None,
) -> None:
    """Show one sample with its supervised tokens in colour and the scores of its items; or the items of a source file."""
    from rich.console import Console

    from codeblock.view.terminal import sample_view

    console = Console(width=width)
    if not path.exists():
        raise UsageError(f"{path} does not exist")
    if path.is_dir():
        if name is None:
            raise UsageError(f"{path} is a directory: say which sample with --id (its id, or its place from 0)")
        from codeblock.view.explained import load_explained

        sample = load_explained(path, name)
        if as_json:
            print(json.dumps(sample))
        else:
            console.print(sample_view(sample, console.width))
        return
    if name is not None:
        raise UsageError(f"{path} is a file, and --id chooses a sample of a directory")
    from codeblock.languages import language_of_file

    show_source(path, language_of_file(path.name), as_json, width)


def show_source(path: Path, language: str, as_json: bool, width: int | None) -> None:
    """Show the items and edges of a source file."""
    from rich.console import Console

    from codeblock.view.terminal import items_view

    text, analysis = _analyze_file(path, language)
    if as_json:
        print(json.dumps(analysis))
        return
    console = Console(width=width)
    console.print(items_view(analysis["items"], analysis["edges"], [text] * len(analysis["items"]), console.width))


def _analyze_file(path: Path, language: str) -> tuple[bytes, dict[str, Any]]:
    """A source file's bytes and its analysis as plain data."""
    from codeblock.analyze.analyze import analyze_code
    from codeblock.schemas import analysis_to_row

    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8: byte {error.start} is {error.object[error.start]:#04x}") from None
    return text.encode(), analysis_to_row(analyze_code(text, language))

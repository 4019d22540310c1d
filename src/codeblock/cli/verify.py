"""``codeblock verify``: does each installed trainer train exactly these tokens?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from codeblock.export.verify import TrainerReport


def verify(
    directory: Annotated[Path, typer.Argument(help="A result of `codeblock select`.", show_default=False)],
    trainer: Annotated[
        list[str] | None,
        typer.Option(help="Check this trainer only (repeatable): trl, trl-packed, transformers.", show_default="all"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print plain data instead.")] = False,
) -> None:
    """Check a result's files, then compare the labels that each installed trainer would train with it, token by token.

    Exits 1 on any difference.
    """
    from dataclasses import asdict

    from rich.console import Console

    from codeblock.export import verify as checks
    from codeblock.export.integrity import read_manifest

    messages = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    with messages.status("checking the artefact") as status:
        reports = checks.verify(directory, trainer or None, on_start=lambda name: status.update(f"checking {name}"))
    if as_json:
        print(json.dumps([asdict(report) for report in reports], indent=2))
    else:
        Console(highlight=False).print(_table(reports, read_manifest(directory)["supervised_tokens"]))
    for report in reports:
        for line in (report.skipped,) if report.skipped else report.differences:
            messages.print(f"{report.name}: {line}")
        if (more := report.difference_count - len(report.differences)) > 0:
            messages.print(f"{report.name}: and {more:,} more")
    if any(report.difference_count for report in reports):
        raise typer.Exit(1)


def _table(reports: list[TrainerReport], supervised: int) -> Table:
    from rich import box
    from rich.table import Table

    versions = {library: version for report in reports for library, version in report.versions.items()}
    caption = "checked with " + ", ".join(f"{library} {version}" for library, version in versions.items())
    stops = reports[0].trained_tokens - supervised
    if stops and not reports[0].difference_count:
        caption = f"trained: {supervised:,} supervised tokens, and {stops:,} that end a turn\n{caption}"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, caption=caption, caption_justify="left")
    for name in ("", "rows", "trained", "masked", "loss", "expected", ""):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for r in reports:
        if r.skipped:
            table.add_row(r.name, "", "", "", "", "", "[yellow]not checked[/]")
            continue
        losses = ["" if loss is None else f"{loss:.5f}" for loss in (r.loss, r.expected_loss)]
        plural = "" if r.difference_count == 1 else "s"
        verdict = f"[bold red]{r.difference_count:,} difference{plural}[/]" if r.difference_count else "[green]same[/]"
        table.add_row(r.name, f"{r.rows:,}", f"{r.trained_tokens:,}", f"{r.masked_tokens:,}", *losses, verdict)
    return table

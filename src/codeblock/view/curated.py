"""What a curation did, and why one row was kept or dropped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from codeblock.curate.decisions import load_decision
from codeblock.curate.quality import quality_names
from codeblock.engine.curation import Curation
from codeblock.errors import StoreError
from codeblock.view.summary import add_stages, counted_rows


def show(curation: Curation, out: str) -> None:
    """Print rows in, dropped by reason and kept, in all and per source, notes on quality, recall and seconds on stderr."""
    console = Console(stderr=True, highlight=False)
    report = curation.report
    rows = counted_rows(report["counts"])
    share = report["kept_response_bytes"] / max(1, report["pool_response_bytes"])
    rows.add_row(
        "response bytes", f"{report['kept_response_bytes']:,}", f"{share:.2%} of the pool's {report['pool_response_bytes']:,}"
    )
    for source, count in report["sources"].items():
        gone = ", ".join(f"{reason} {n:,}" for reason, n in count.items() if reason not in ("rows", "kept"))
        rows.add_row(f"  {escape(source)}", f"{count['kept']:,}", f"of {count['rows']:,}{': ' if gone else ''}{gone}")
    for note, count in report["quality_notes"].items():
        rows.add_row("quality", f"{count:,}", note)
    if near := report["neighbours"]:
        found = near["recall"]
        rows.add_row(
            "neighbours",
            near["search"],
            f"recall@{near['k']} {found['all']:.4f} of evenly spread rows, {found['scarcest']:.4f} of the scarcest",
        )
    tasks = ", ".join(f"{escape(name)} ({count:,} tasks)" for name, count in report["benchmarks"].items())
    rows.add_row("benchmarks", "", tasks or "none: samples were not compared with any (--benchmarks)")
    add_stages(rows, curation.stages)
    console.print(rows)
    console.print(f"written to {out}: [bold]codeblock curate --out {out} --explain ID[/] says why a row was kept or dropped")


def load_curated(directory: Path, name: str) -> dict[str, Any]:
    """What was decided about one row of a finished curation, with the `names` of its quality sources.

    Raises:
        StoreError: the directory holds none.
        UsageError: no row has that id.
    """
    decision = load_decision(directory / "stages", name)
    try:
        settings = yaml.safe_load((directory / "recipe.yaml").read_text())["curate"]
    except (OSError, KeyError, TypeError) as error:
        raise StoreError(f"{directory} holds no finished curation: run the command that made it again") from error
    return {**decision, "names": quality_names(settings["quality"]), "strategy": settings["sample_strategy"]}


def print_curated(decision: dict[str, Any]) -> None:
    """Print one decision on stdout."""
    console = Console(highlight=False)
    rows = Table(box=None, show_header=False, pad_edge=False)
    rows.add_column(style="bold")
    rows.add_column()
    for name, value in _lines(decision):
        rows.add_row(name, escape(value))
    console.print(rows)


def _lines(decision: dict[str, Any]) -> list[tuple[str, str]]:
    """Name and text of each thing that is known."""
    reason = decision["reason"]
    lines = [
        ("id", decision["id"]),
        ("source", decision["source"]),
        ("verdict", "kept" if reason is None else f"dropped: {reason}"),
    ]
    if decision["task"] is not None:
        lines.append(("holds", f"{decision['task']}: {decision['task_share']:.0%} of its {decision['task_part']}"))
    if decision["duplicate_of"] is not None:
        lines.append(("same as", f"{decision['duplicate_of']}, similarity {decision['duplicate_similarity']:.2f}"))
    if decision["rank"] is not None:
        lines.append(("rank", f"{decision['rank']:,} by {decision['strategy']}, from 0"))
    classes = decision["classes"] or [None] * len(decision["names"])
    for name, value, number in zip(decision["names"], decision["quality"] or [], classes, strict=False):
        shown = "missing" if value is None else f"{value:g}"
        lines.append((f"quality {name}", shown if number is None else f"{shown}, class {number}"))
    if decision["notes"]:
        lines.append(("  notes", ", ".join(decision["notes"])))
    if decision["scarcity"] is not None:
        lines.append(("scarcity", f"{decision['scarcity']:.4f}"))
    for name, alike in zip(decision["neighbours"] or [], decision["similarities"] or [], strict=True):
        lines.append(("  neighbour", f"{alike:.3f}  {name}"))
    return lines

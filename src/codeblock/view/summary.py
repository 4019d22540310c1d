"""What a run did, as one table on stderr."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from codeblock.engine.pipeline import Outcome
from codeblock.store import StageReport


def show(outcome: Outcome, out: str) -> None:
    """Print rows in, dropped by reason and kept, tokens, both ratios and seconds per stage."""
    console = Console(stderr=True, highlight=False)
    manifest = outcome.manifest
    rows = counted_rows(manifest["counts"])
    rows.add_row(
        "supervised tokens", f"{manifest['supervised_tokens']:,}", f"and the end of turn in {manifest['end_of_turn_rows']:,} rows"
    )
    parts = manifest["supervised_tokens_by_part"]
    rows.add_row("", "", f"code {parts['code']:,}, comments {parts['comments']:,}, prose {parts['prose']:,}")
    rows.add_row(
        "response tokens", f"{manifest['response_tokens']:,}", f"of kept rows: {manifest['supervised_ratio']:.2%} supervised"
    )
    rows.add_row("  whole pool", f"{manifest['pool_response_tokens']:,}", f"{manifest['supervised_ratio_pool']:.2%} supervised")
    if curation := manifest.get("curation"):
        for source, count in curation["sources"].items():
            rows.add_row(f"  from {escape(source)}", f"{count['kept']:,}", f"chosen of {count['rows']:,}")
        whole = manifest["pool_response_tokens"] * curation["pool_response_bytes"] / max(1, curation["kept_response_bytes"])
        share = manifest["supervised_tokens"] / max(1, whole)
        rows.add_row("  before curation", f"{whole:,.0f}", f"{share:.2%} supervised; tokens estimated from bytes")
    if verdicts := manifest["items_by_verdict"]:
        fate = f"{verdicts.get('chosen', 0):,} chosen, {verdicts.get('required', 0):,} required"
        if "damaged" in verdicts:
            fate += f", {verdicts['damaged']:,} damaged"
        if "budget" not in verdicts:
            fate += "; all fit the budget"
        rows.add_row("code items", f"{sum(verdicts.values()) - verdicts.get('words', 0):,}", fate)
    add_stages(rows, outcome.stages)
    console.print(rows)
    console.print(f"written to {out}: explain a sample with [bold]codeblock explain {out} --id 0[/]")


def counted_rows(counts: dict[str, Any]) -> Table:
    """A table that begins with the rows in, those dropped by reason, and those kept."""
    rows = Table(box=None, show_header=False, pad_edge=False)
    rows.add_column(style="bold")
    rows.add_column(justify="right")
    rows.add_column(style="dim")
    rows.add_row("rows in", f"{counts['rows_in']:,}")
    for kind, name in (("quarantined", "quarantined"), ("dropped", "rejected")):
        for reason, count in counts[name].items():
            rows.add_row(f"  {kind}", f"{count:,}", reason)
    rows.add_row("rows kept", f"{counts['kept']:,}")
    return rows


def add_stages(rows: Table, stages: Sequence[StageReport]) -> None:
    """End it with the seconds of each stage, and what of it was there already."""
    for stage in stages:
        reused = f"{stage.shards_skipped} of {stage.shards_skipped + stage.shards_done} shards were there already"
        rows.add_row(stage.name, f"{stage.seconds:.1f} s", reused if stage.shards_skipped else "")

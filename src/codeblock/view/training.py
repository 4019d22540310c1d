"""A training run on stderr: steps, loss, tokens per second, time left; and what it did, at its end."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table


@contextmanager
def watch_training() -> Generator[Callable[[int, int, dict[str, float]], None]]:
    """Show a bar of steps; where stderr is no terminal, a line now and then."""
    console = Console(stderr=True, highlight=False)
    columns = (
        TextColumn("train"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[facts]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("train", total=None, facts="loading, and measuring the loss before")
        told = -1

        def report(step: int, steps: int, logs: dict[str, float]) -> None:
            nonlocal told
            if "eval_loss" in logs and step == 0:
                progress.update(task, completed=0, total=steps or None, facts=f"loss before {logs['eval_loss']:.4f}")
            if "loss" not in logs:
                return
            facts = (
                f"loss {logs['loss']:.4f}  supervised {_rate(logs, 'supervised')}  processed {_rate(logs, 'processed')} tokens/s"
            )
            progress.update(task, completed=step, total=steps, facts=facts)
            if not console.is_terminal and (step == steps or step * 10 // steps > told):
                told = step * 10 // steps
                progress.console.print(f"step {step} of {steps}  {facts}")

        yield report


def _rate(logs: dict[str, float], name: str) -> str:
    return f"{logs[f'{name}_tokens_per_second']:,.0f}"


def show_training(report: dict[str, Any]) -> None:
    """Print what a run did."""
    console = Console(stderr=True, highlight=False)
    result, artefact, out = report["result"], report["artefact"], report["recipe"]["out"]
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column(style="dim")
    table.add_row("rows", f"{result['rows']:,}", f"{result['cut']:,} of them cut" if result["cut"] else "")
    for reason, count in result["dropped"].items():
        table.add_row("  dropped", f"{count:,}", reason)
    table.add_row(
        "supervised tokens", f"{artefact['supervised_tokens']:,}", f"{artefact['supervised_ratio']:.2%} of the response tokens"
    )
    table.add_row("steps", f"{result['steps']:,}", f"of {result['rows_per_step']} rows, in {result['seconds']:,.1f} s")
    if result["loss_after"] is not None:
        table.add_row(
            "loss before", f"{result['loss_before']:.4f}", f"over the supervised tokens of {result['eval_rows']} training rows"
        )
        table.add_row("loss after", f"{result['loss_after']:.4f}")
    for saving, reason in report["savings_not_made"].items():
        table.add_row(f"not saved: {saving}", "", reason)
    console.print(table)
    console.print(f"written to {out}")

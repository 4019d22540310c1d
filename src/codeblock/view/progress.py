"""Progress bars on stderr, one per stage."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


@contextmanager
def watch(stage: str) -> Generator[Callable[[int, int | None], None]]:
    """Show a bar of rows while one stage runs; nothing but a line at its end where stderr is no terminal."""
    columns = (TextColumn("{task.description:8}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(stage, total=None)

        def update(done: int, total: int | None) -> None:
            progress.update(task, completed=done, total=total)

        yield update
        # a stage that never learned its total is complete when it ends
        done = progress.tasks[0].completed
        progress.update(task, total=done, completed=done)

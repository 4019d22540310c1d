"""``codeblock harvest``: training pairs from a tree of Python sources."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from codeblock.data import harvest as source_tree
from codeblock.store import atomic_file


def harvest(
    directory: Annotated[Path, typer.Argument(help="Root of the Python sources; they are parsed, never run.")],
    out: Annotated[Path | None, typer.Option(help="JSON Lines file to write; stdout when absent.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Keep at most this many pairs, chosen at random.")] = None,
    seed: Annotated[int, typer.Option(help="Of the random choice.")] = 0,
) -> None:
    """Make instruction-response pairs from the documented functions of a source tree.

    The docstring becomes the instruction, the function without it the response, and its doctests are kept as tests.
    """
    counts: Counter[str] = Counter()
    rows = source_tree.harvest(directory, limit, seed, counts)
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if out is None:
        sys.stdout.writelines(lines)
    else:
        with atomic_file(out) as file:
            file.writelines(line.encode() for line in lines)
    table = Table("pairs" if out is None else f"pairs in {out}", str(counts.pop("pairs", 0)))
    for reason, count in counts.most_common():
        table.add_row(reason, str(count))
    Console(stderr=True).print(table)

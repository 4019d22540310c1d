"""``codeblock doctor``: how well would programs be isolated here?"""

from __future__ import annotations

import json
from typing import Annotated

import typer


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print plain data instead.")] = False) -> None:
    """Find the best isolation for running generated programs, try it on ten of them, and say how to get a better one.

    Exits 1 where a program was not contained, or the level is below those that `evaluate` uses without being told to.
    """
    from rich.console import Console

    from codeblock.evaluate.sandbox.doctor import CANARIES, advice, examine
    from codeblock.evaluate.sandbox.jobs import Level
    from codeblock.evaluate.sandbox.run import probe

    found = probe()
    examination = examine(found.level)
    enough = found.level in (Level.FULL, Level.LANDLOCK)
    hint = advice(found.level, found.obstacles)
    if as_json:
        outcomes = {name: o.verdict for name, o in examination.outcomes.items()}
        obstacles = {str(level): why for level, why in found.obstacles.items()}
        values = {
            "isolation": found.level,
            "obstacles": obstacles,
            "advice": hint,
            "canaries": outcomes,
            "wrong": examination.wrong,
        }
        print(json.dumps(values, indent=1))
    else:
        console = Console(highlight=False, soft_wrap=True)
        console.print(f"isolation  [bold]{found.level}[/]{'' if enough else '  too little for `codeblock evaluate`'}")
        for level, why in found.obstacles.items():
            console.print(f"  not {level}: {why}", markup=False)
        for name in CANARIES:
            mark = "[red]no[/] " if name in examination.wrong else "[green]yes[/]"
            outcome = examination.outcomes[name]
            console.print(f"  {mark} {name:40} {outcome.verdict} {outcome.reason}")
        console.print(f"better     {hint}", markup=False)
    if examination.wrong or not enough:
        raise typer.Exit(1)

"""``codeblock languages``: the language packs, checked and shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

languages = typer.Typer(help="List, check and try the language packs.", no_args_is_help=True)


@languages.command("list")
def list_packs(as_json: Annotated[bool, typer.Option("--json", help="Print an array of objects.")] = False) -> None:
    """Name every pack, its aliases, the version of its grammar and what it can do."""
    from rich.console import Console
    from rich.table import Table

    rows = _describe()
    if as_json:
        print(json.dumps(rows))
        return
    table = Table(box=None, pad_edge=False)
    for name in ("name", "aliases", "grammar", "capabilities"):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(row["name"], " ".join(row["aliases"]), row["grammar_version"], ", ".join(row["capabilities"]))
    Console(highlight=False).print(table)


@languages.command("check")
def check_packs(
    name: Annotated[str | None, typer.Argument(help="Of a pack; all when absent.", show_default=False)] = None,
) -> None:
    """Check packs against their contract and their fixtures. Exits 1 on any fault."""
    from codeblock.analyze.fixtures import cases, check_case
    from codeblock.languages import languages as packs
    from codeblock.languages.contract import Fault
    from codeblock.languages.loader import check

    failed = False
    for pack in [name] if name else packs():
        faults = check(pack)
        found = [] if faults else cases(pack)
        if not (faults or found):
            faults.append(Fault("fixtures", 0, "no cases: what no fixture says is not known to hold"))
        faults += [fault for case in found for fault in check_case(pack, case)]
        assertions = sum(len(case.assertions) for case in found)
        for fault in faults:
            print(f"{pack}/{fault}")
        print(
            f"{pack}: "
            + (
                f"{len(faults)} fault{'s' * (len(faults) != 1)}"
                if faults
                else f"{len(found)} cases, {assertions} assertions hold"
            )
        )
        failed = failed or bool(faults)
    if failed:
        raise typer.Exit(1)


@languages.command("show")
def show_file(
    name: Annotated[str, typer.Argument(help="Of a pack.", show_default=False)],
    file: Annotated[Path, typer.Argument(help="A source file.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print plain data instead.")] = False,
    width: Annotated[int | None, typer.Option(min=20, help="Columns to use; those of the terminal when absent.")] = None,
) -> None:
    """Show the items and edges of a source file as one pack sees it, whatever the file's name."""
    from codeblock.cli.explain import show_source

    show_source(file, name, as_json, width)


def _describe() -> list[dict[str, Any]]:
    """One object per pack."""
    from importlib import metadata

    from codeblock.languages import compile_query, load
    from codeblock.languages import languages as packs
    from codeblock.languages.loader import tables

    rows: list[dict[str, Any]] = []
    for name in packs():
        pack, captured = tables(name), compile_query(load(name))
        captures = {captured.capture_name(number).split(".")[0] for number in range(captured.capture_count)}
        capabilities = {
            "items": "item" in captures,
            "names": {"def", "scope"} <= captures,
            "flow": {"flow", "jump"} <= captures,
            "members": bool(pack.data_flow.members),
        }
        rows.append(
            {
                "name": name,
                "aliases": list(pack.aliases),
                "endings": list(pack.endings),
                "grammar": pack.grammar.distribution,
                "grammar_version": metadata.version(pack.grammar.distribution),
                "capabilities": [capability for capability, has in capabilities.items() if has],
            }
        )
    return rows

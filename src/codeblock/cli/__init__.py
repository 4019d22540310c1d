"""The command line: one file per command.

Data goes to stdout or ``--out``, messages to stderr. Exit code 0 is success, 1 a failed run, 2 bad usage, 74 a full disk, 130 and
143 an interruption by SIGINT or SIGTERM.
"""

from __future__ import annotations

import logging
import signal
import sys
from types import FrameType
from typing import NoReturn

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape

from codeblock import __version__
from codeblock.cli.curate import curate
from codeblock.cli.doctor import doctor
from codeblock.cli.evaluate import evaluate
from codeblock.cli.explain import explain
from codeblock.cli.export import export
from codeblock.cli.generate import generate
from codeblock.cli.harvest import harvest
from codeblock.cli.languages import languages
from codeblock.cli.run import run
from codeblock.cli.select import select
from codeblock.cli.train import train
from codeblock.cli.verify import verify
from codeblock.errors import CodeblockError

COMMANDS = (select, curate, explain, verify, export, train, generate, evaluate, doctor, harvest, run)

app = typer.Typer(
    name="codeblock",
    help="Fine-tune code models on the parts of each response that are worth learning.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for _command in COMMANDS:
    app.command()(_command)
app.add_typer(languages, name="languages")


def _version(asked: bool) -> None:
    if asked:
        print(f"codeblock {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Log what happens, on stderr."),
) -> None:
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(message)s",
        handlers=[RichHandler(console=Console(stderr=True), show_time=False, show_path=False)],
    )


class _Interrupted(BaseException):
    """A signal asks us to stop; typer would end without a word at a `KeyboardInterrupt`."""


def _interrupt(number: int, _: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)  # the second one stops at once
    raise _Interrupted(number)


def main() -> None:
    """Run the command line; an error of ours, or a signal, becomes one message on stderr and its exit code."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except CodeblockError as error:
        console.print(f"[bold red]error:[/] {escape(str(error))}")
        sys.exit(error.exit_code)
    except _Interrupted as interrupted:
        number: int = interrupted.args[0]
        console.print(
            f"[bold red]stopped by {signal.Signals(number).name}[/]; "
            "the same command goes on from the last finished shard or checkpoint"
        )
        sys.exit(128 + number)

"""What lies in the directory of a run before it begins."""

from __future__ import annotations

from pathlib import Path

from codeblock.errors import UsageError

OVERWRITE = "choose another --out, or replace it with --overwrite"
"""What to do where something would be replaced."""


def refuse_foreign(root: Path, theirs: str, command: str) -> None:
    """Raise `UsageError` where a directory holds the result of another command, or files and none of them are ours.

    Args:
        root: the directory of the run; it exists.
        theirs: a file that only the other command's result has.
        command: the other one.
    """
    if (root / theirs).exists():
        raise UsageError(f"{root} holds the result of `{command}`: {OVERWRITE}")
    if not (root / "stages").is_dir() and any(path.name != ".lock" for path in root.iterdir()):
        raise UsageError(f"{root} is not empty and holds no earlier run: {OVERWRITE}")

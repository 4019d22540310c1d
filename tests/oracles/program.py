"""How another program is asked about sources."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Answer = dict[str, Any]


def answers(command: Sequence[str], texts: Sequence[str], name: str) -> list[Answer | None]:
    """What a program says of sources; None where it finds errors.

    It reads the names of files, a line each, and answers each with a line of JSON: an object, with ``errors`` if there are any.

    Args:
        command: runs it.
        texts: the sources.
        name: of the files, with a place for their number.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name.format(number)) for number in range(len(texts))]
        for path, text in zip(paths, texts, strict=True):
            path.write_bytes(text.encode())
        names = "".join(f"{path}\n" for path in paths)
        run = subprocess.run(command, input=names.encode(), stdout=subprocess.PIPE, check=True)
    found = map(json.loads, run.stdout.decode().splitlines())
    return [None if "errors" in answer else answer for _, answer in zip(texts, found, strict=True)]

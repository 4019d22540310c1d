"""What a user names as data: files, directories, globs, hub ids."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codeblock.data.rows import is_readable
from codeblock.errors import DataError, MissingExtraError
from codeblock.store import atomic_file

_HUB_ID = re.compile(r"(?P<name>[\w][\w.-]*/[\w][\w.-]*)(?::(?P<split>[\w.:\[\]%-]+))?")
_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Input:
    """A file to read.

    Attributes:
        path: of the file.
        source: what the user named, of which it is a part: rows are counted and weighted by it.
        hub: name and split of the data set that has to be fetched into the file first; None for a file that is there.
    """

    path: Path
    source: str
    hub: tuple[str, str] | None = None


def expand(names: Sequence[str], downloads: Path) -> list[Input]:
    """Find the files of what the user named, in this order; those of a directory or glob by name.

    Args:
        names: files, directories (read at any depth), globs, and ids of data sets on the Hub, also with a split: `org/name:test`.
        downloads: directory in which data sets of the Hub are kept.

    Raises:
        DataError: something does not exist, or holds no file of a known kind.
        MissingExtraError: a hub id is named and `datasets` is not installed.
    """
    sources = _short_names(names)
    return [found for name, source in zip(names, sources, strict=True) for found in _files(name, source, downloads)]


def fetch(files: Sequence[Input]) -> None:
    """Fetch what comes from the Hub, but for what is there already.

    Raises:
        DataError: it is not to be had.
    """
    for file in files:
        if file.hub is not None and not file.path.exists():
            _download(*file.hub, file.path)


def _files(name: str, source: str, downloads: Path) -> list[Input]:
    path = Path(name)
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.is_file() and is_readable(file))
        if not found:
            raise DataError(f"directory {name} holds no .jsonl, .ndjson, .json (also with .gz) or .parquet file")
        return [Input(file, source) for file in found]
    if path.exists():
        return [Input(path, source)]
    hub = _HUB_ID.fullmatch(name)
    if hub is None and _WILD.search(name):
        pattern = str(path.relative_to(path.anchor)) if path.anchor else name
        found = sorted(file for file in Path(path.anchor or ".").glob(pattern) if file.is_file() and is_readable(file))
        if not found:
            raise DataError(f"no file of a known kind matches {name}")
        return [Input(file, source) for file in found]
    if hub is None or is_readable(path):
        raise DataError(f"{name} does not exist")
    if importlib.util.find_spec("datasets") is None:
        raise MissingExtraError("datasets", "train", f"{name} is no file or directory; fetching it from the Hub")
    split = hub["split"] or "train"
    file_name = re.sub(r"[^\w.-]", "_", f"{hub['name'].replace('/', '--')}--{split}.parquet")
    return [Input(downloads / file_name, source, (hub["name"], split))]


def _download(name: str, split: str, target: Path) -> None:
    """Write a split of a data set of the Hub as a Parquet file, or nothing."""
    import datasets

    try:
        rows = datasets.load_dataset(name, split=split)
    except Exception as error:  # whatever network, Hub and data set may raise
        raise DataError(f"{name} is no file or directory, and the Hub does not give it: {error}") from error
    with atomic_file(target) as file:
        rows.to_parquet(file)


def _short_names(names: Sequence[str]) -> list[str]:
    """The shortest ends of what was named that tell them apart."""
    parts = [tuple(part for part in name.split("/") if part) for name in names]
    short: list[str] = []
    for full in parts:
        length = next((n for n in range(1, len(full)) if sum(other[-n:] == full[-n:] for other in parts) == 1), len(full))
        short.append("/".join(full[-length:]))
    return short

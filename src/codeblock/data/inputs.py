"""What a user names as data: files, directories, globs, hub ids."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codeblock.data.rows import is_readable
from codeblock.errors import DataError, MissingExtraError

_HUB_ID = re.compile(r"(?P<name>[\w][\w.-]*/[\w][\w.-]*)(?::(?P<split>[\w.\[\]%-]+))?")
_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Input:
    """A file to read.

    Attributes:
        path: of the file.
        source: what the user named, of which it is a part: rows are counted and weighted by it.
    """

    path: Path
    source: str


def expand(names: Sequence[str], downloads: Path) -> list[Input]:
    """Find the files of what the user named, in this order; those of a directory or glob by name.

    Args:
        names: files, directories (read at any depth), globs, and ids of data sets on the Hub, also with a split: `org/name:test`.
        downloads: directory in which data sets of the Hub are kept. One that is there is not fetched again.

    Raises:
        DataError: something does not exist, or holds no file of a known kind.
        MissingExtraError: a hub id is named and `datasets` is not installed.
    """
    sources = _short_names(names)
    return [Input(path, source) for name, source in zip(names, sources, strict=True) for path in _files(name, downloads)]


def _files(name: str, downloads: Path) -> list[Path]:
    path = Path(name)
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.is_file() and is_readable(file))
        if not found:
            raise DataError(f"directory {name} holds no .jsonl, .ndjson, .json (also with .gz) or .parquet file")
        return found
    if path.exists():
        return [path]
    if _WILD.search(name):
        anchor = path.anchor or "."
        pattern = str(path.relative_to(path.anchor)) if path.anchor else name
        found = sorted(file for file in Path(anchor).glob(pattern) if file.is_file() and is_readable(file))
        if not found:
            raise DataError(f"no file of a known kind matches {name}")
        return found
    if (hub := _HUB_ID.fullmatch(name)) and not is_readable(path):
        return [_download(hub["name"], hub["split"] or "train", downloads)]
    raise DataError(f"{name} does not exist")


def _download(name: str, split: str, downloads: Path) -> Path:
    """A split of a data set of the Hub as a Parquet file."""
    file_name = re.sub(r"[^\w.-]", "_", f"{name.replace('/', '--')}--{split}.parquet")
    target = downloads / file_name
    if target.exists():
        return target
    if importlib.util.find_spec("datasets") is None:
        raise MissingExtraError("datasets", "train", f"{name} does not exist as a file; fetching it from the Hub")
    import datasets

    try:
        rows = datasets.load_dataset(name, split=split)
    except Exception as error:  # whatever network, Hub and data set may raise
        raise DataError(f"{name} is no file, and not to be had from the Hub either: {error}") from error
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"{target.name}.tmp-0")
    rows.to_parquet(str(temporary))
    temporary.replace(target)
    return target


def _short_names(names: Sequence[str]) -> list[str]:
    """The shortest ends of what was named that tell them apart."""
    parts = [tuple(part for part in name.split("/") if part) for name in names]
    short: list[str] = []
    for full in parts:
        length = next((n for n in range(1, len(full)) if sum(other[-n:] == full[-n:] for other in parts) == 1), len(full))
        short.append("/".join(full[-length:]))
    return short

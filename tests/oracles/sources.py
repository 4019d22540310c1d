"""The sources that an oracle is asked about."""

from __future__ import annotations

import random
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from codeblock.languages.loader import tables
from tests.analyze.corpora import CORPORA, sources

_MINIFIED = re.compile(r"\bmin\.")


def read(paths: Sequence[Path], language: str, limit: int | None = None) -> Iterator[tuple[str, str, str]]:
    """Corpus, name and text of all sources of a language.

    Args:
        paths: files, folders, archives, or the folder of the shared data.
        language: the pack whose sources count.
        limit: how many to take out of a folder or archive at most, chosen at random.
    """
    for path in paths:
        if (path / CORPORA[0]).is_dir():
            for corpus in CORPORA:
                found = (text for name, text in sources(path, corpus) if name == language)
                yield from ((corpus, f"{corpus} {number}", text) for number, text in enumerate(found))
            continue
        if path.suffix == ".zip":
            archive = zipfile.ZipFile(path)
            names, content = archive.namelist(), archive.read
        else:
            names = [str(file) for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file()]
            content = _content
        names = sorted(name for name in names if name.endswith(tables(language).endings) and not _MINIFIED.search(name))
        if limit is not None and len(names) > limit:
            names = sorted(random.Random(0).sample(names, limit))
        for name in names:
            try:
                yield path.name, name.removeprefix(f"{path}/"), content(name).decode()
            except UnicodeDecodeError:
                continue


def _content(name: str) -> bytes:
    return Path(name).read_bytes()

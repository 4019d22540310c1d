"""Real code in many languages: what articles, exercises and benchmarks of the shared data hold."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from codeblock.analyze.fences import scan
from codeblock.languages import languages, resolve_alias
from codeblock.languages.loader import base, tables

CORPORA = ("neetcode", "exercism", "mbxp", "mceval")


def sources(data: Path, corpus: str) -> Iterator[tuple[str, str]]:
    """Language and text of every source of a corpus whose language has a pack."""
    yield from {"neetcode": _fences, "exercism": _exercises, "mbxp": _completions, "mceval": _completions}[corpus](data / corpus)


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def _fences(folder: Path) -> Iterator[tuple[str, str]]:
    for row in rows(folder / "articles.jsonl.gz"):
        text = row["markdown"].encode()
        for fence in scan(text, lambda *_: True):
            language = resolve_alias(fence.info)
            if language is not None:
                yield language, b"".join(text[span.start : span.end] for span in fence.spans).decode()


def _exercises(folder: Path) -> Iterator[tuple[str, str]]:
    known = {ending: name for name in languages() for ending in tables(name).endings}
    for path in sorted(folder.glob("*.jsonl.gz")):
        own = resolve_alias(path.name.removesuffix(".jsonl.gz"))
        for row in rows(path):
            for part in ("solution", "stub", "tests"):
                for name, text in (row[part] or {}).items():
                    language = known.get(Path(name).suffix)
                    if language is not None and own is not None and language == base(own):  # a header of C++
                        language = own
                    if language is not None and text:
                        yield language, text


def _completions(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.glob("*.jsonl.gz")):
        language = resolve_alias(path.name.removesuffix(".jsonl.gz"))
        for row in rows(path) if language is not None else ():
            yield language, row["prompt"].removesuffix("\n") + "\n" + row["canonical_solution"]

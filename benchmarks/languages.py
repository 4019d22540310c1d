"""What the analysis finds in real code of every language, and what it costs, as a table in Markdown.

    python benchmarks/languages.py DATA [--limit MB]

DATA holds the folders `neetcode`, `exercism`, `mbxp`, `mceval`. Every source is parsed and analysed in one process, interleaved,
three times; the best CPU time of each counts. Kept in cut-off code: of the items of code before the last line of 200 sources cut
at a random byte, the share whose kinds and spans are those of the whole source, and the share of sources where all are.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import tree_sitter

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.analyze.corpora import CORPORA, sources
from tests.analyze.show import kept_by_cuts

from codeblock.analyze.analyze import analyze_code
from codeblock.languages import load
from codeblock.types import ItemKind

ROUNDS = 3
CUTS = 200


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("data", type=Path)
    arguments.add_argument("--limit", type=float, default=1.0, help="megabytes per language")
    options = arguments.parse_args()
    found: dict[str, list[str]] = defaultdict(list)
    for corpus in CORPORA:
        for language, text in sources(options.data, corpus):
            found[language].append(text)
    print("| language | sources | MB | items | edges | error items | kept in cut-off code | MB/s | ratio to the parse |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for language, texts in sorted(found.items()):
        random.Random(0).shuffle(texts)
        print(row(language, within(texts, int(options.limit * 1e6))), flush=True)


def within(texts: list[str], limit: int) -> list[str]:
    """The first texts that hold so many bytes."""
    total = 0
    for count, text in enumerate(texts, 1):
        total += len(text.encode())
        if total > limit:
            return texts[:count]
    return texts


def row(language: str, texts: list[str]) -> str:
    grammar = load(language).grammar
    size = sum(len(text.encode()) for text in texts)
    parse_seconds = seconds = 0.0
    items = edges = errors = 0
    gc.disable()
    for text in texts:
        encoded = text.encode()
        times = [(cpu(tree_sitter.Parser(grammar).parse, encoded), cpu(analyze_code, text, language)) for _ in range(ROUNDS)]
        parse_seconds += min(parse for parse, _ in times)
        seconds += min(whole for _, whole in times)
        analysis = analyze_code(text, language)
        items += len(analysis.items)
        edges += len(analysis.edges)
        errors += sum(item.kind is ItemKind.ERROR for item in analysis.items)
    gc.enable()
    kept, before, whole, trials = kept_by_cuts(language, random.Random(1).sample(texts, min(CUTS, len(texts))))
    return (
        f"| {language} | {len(texts):,} | {size / 1e6:.2f} | {items:,} | {edges:,} | {errors / max(items, 1):.2%} "
        f"| {kept / max(before, 1):.1%} / {whole / max(trials, 1):.0%} "
        f"| {size / seconds / 1e6:.2f} | {seconds / parse_seconds:.2f} |"
    )


def cpu(function: Callable[..., object], *arguments: object) -> float:
    start = time.process_time()
    function(*arguments)
    return time.process_time() - start


if __name__ == "__main__":
    main()

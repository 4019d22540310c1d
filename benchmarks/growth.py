"""Whether the time of an analysis grows with the code alone, as tables in Markdown.

    python benchmarks/growth.py [DATA] [--largest BYTES]

First, one source of each language over and over, up to 1 MB: CPU time as a ratio to the Tree-sitter parse of the same bytes, which
must not grow. The source is the longest below 4 KB in the `exercism` folder of DATA, or without DATA the cases of the pack's
fixtures. Then, reach and bridge of graphs: of that code, and of random ones.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import tree_sitter

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.analyze.show import pieces

from codeblock.analyze.analyze import analyze_code
from codeblock.analyze.deadline import Deadline
from codeblock.analyze.signals import signals
from codeblock.errors import AnalysisTimeout
from codeblock.languages import languages, load

T = TypeVar("T")
SIZES = (1_000, 4_000, 16_000, 64_000, 256_000, 1_000_000)
GRAPHS = (100, 400, 401, 1_000, 4_000, 16_000)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("data", nargs="?", type=Path)
    arguments.add_argument("--largest", type=int, default=SIZES[-1])
    options = arguments.parse_args()
    gc.disable()
    sizes = [size for size in SIZES if size <= options.largest]
    print("| language | " + " | ".join(f"{size // 1000} KB" for size in sizes) + " | items | edges |")
    print("|---|" + "--:|" * (len(sizes) + 2))
    for language in languages():
        print(row(language, source(language, options.data), sizes), flush=True)
    print("\n| graph | nodes | edges | reach and bridge, ms |\n|---|--:|--:|--:|")
    for nodes in GRAPHS:
        luck = random.Random(nodes)
        chain = [(n, n + luck.randrange(1, 20)) for n in range(nodes) for _ in range(2)]
        graphs = {
            "forward, near": [(s, t) for s, t in chain if t < nodes],
            "any": [(luck.randrange(nodes), luck.randrange(nodes)) for _ in range(2 * nodes)],
        }
        for name, edges in graphs.items():
            print(f"| {name} | {nodes:,} | {len(edges):,} | {1000 * seconds_of_signals(nodes, edges):.1f} |", flush=True)
    for language in languages():
        analysis = analyze_code(grown(source(language, options.data), 64_000), language)
        edges = [(e.source, e.target) for e in analysis.edges]
        seconds = seconds_of_signals(len(analysis.items), edges)
        print(f"| {language}, 64 KB | {len(analysis.items):,} | {len(edges):,} | {1000 * seconds:.1f} |", flush=True)


def source(language: str, data: Path | None) -> str:
    """A source to grow: real code, or the pack's fixtures where there is none."""
    real = pieces(language, data) if data is not None else []
    return max(real, key=len) if real else "\n".join(pieces(language))


def grown(text: str, size: int) -> str:
    """The text over and over, up to so many bytes, cut at the end of a line."""
    text += "\n"
    encoded = (text * (size // len(text.encode()) + 1)).encode()[:size]
    return encoded[: encoded.rfind(b"\n") + 1].decode(errors="ignore")


def row(language: str, text: str, sizes: list[int]) -> str:
    grammar = load(language).grammar
    cells: list[str] = []
    items = edges = 0
    for size in sizes:
        grown_text = grown(text, size)
        encoded = grown_text.encode()
        rounds = 3 if size < 100_000 else 1
        parse = min(cpu(lambda: tree_sitter.Parser(grammar).parse(encoded))[0] for _ in range(rounds))
        try:
            found = [cpu(lambda: analyze_code(grown_text, language)) for _ in range(rounds)]
        except AnalysisTimeout:
            cells.append("more than 60 s")
            continue
        cells.append(f"{min(seconds for seconds, _ in found) / parse:.1f}")
        items, edges = len(found[0][1].items), len(found[0][1].edges)
    return f"| {language} | {' | '.join(cells)} | {items:,} | {edges:,} |"


def seconds_of_signals(nodes: int, edges: list[tuple[int, int]]) -> float:
    return min(cpu(lambda: signals(nodes, sorted(edges), Deadline(60)))[0] for _ in range(3))


def cpu(function: Callable[[], T]) -> tuple[float, T]:
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


if __name__ == "__main__":
    main()

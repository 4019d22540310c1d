"""Whether the time of an analysis grows with the code alone, as tables in Markdown.

    python benchmarks/growth.py [DATA] [--largest BYTES]

First, one source of each language over and over, up to 1 MB: CPU time as a ratio to the Tree-sitter parse of the same bytes, best
of three each, interleaved; it must not grow. The source is the one with the most edges among 300 pieces of real code below
1 KB in DATA, or without DATA the cases of the pack's fixtures. Then, reach and bridge of graphs: of that code and random ones.
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
from codeblock.languages import languages, load

ROUNDS = 3
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
    chosen = {language: source(language, options.data) for language in languages()}
    for language, text in chosen.items():
        print(row(language, text, sizes), flush=True)
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
    for language, text in chosen.items():
        analysis = analyze_code(grown(text, 64_000), language)
        edges = [(e.source, e.target) for e in analysis.edges]
        seconds = seconds_of_signals(len(analysis.items), edges)
        print(f"| {language}, 64 KB | {len(analysis.items):,} | {len(edges):,} | {1000 * seconds:.1f} |", flush=True)


def source(language: str, data: Path | None) -> str:
    """A source to grow: real code, or the pack's fixtures where there is none."""
    real = [text for text in (pieces(language, data) if data is not None else []) if len(text) < SIZES[0]]
    if not real:
        return "\n".join(pieces(language))
    return max(real[:300], key=lambda text: len(analyze_code(text, language).edges))


def grown(text: str, size: int) -> str:
    """The text over and over, about so many bytes."""
    return (text + "\n") * max(1, round(size / len(text.encode())))


def row(language: str, text: str, sizes: list[int]) -> str:
    grammar = load(language).grammar
    cells: list[str] = []
    items = edges = 0
    for size in sizes:
        more = grown(text, size)
        best = [1e9, 1e9]
        for _ in range(ROUNDS):
            parse, _ = cpu(tree_sitter.Parser(grammar).parse, more.encode())
            whole, analysis = cpu(analyze_code, more, language)
            best = [min(best[0], parse), min(best[1], whole)]
            items, edges = len(analysis.items), len(analysis.edges)
            del analysis
            gc.collect()
        cells.append(f"{best[1] / best[0]:.1f}")
    return f"| {language} | {' | '.join(cells)} | {items:,} | {edges:,} |"


def seconds_of_signals(nodes: int, edges: list[tuple[int, int]]) -> float:
    return min(cpu(signals, nodes, sorted(edges), Deadline(60))[0] for _ in range(ROUNDS))


def cpu(function: Callable[..., T], *arguments: object) -> tuple[float, T]:
    start = time.process_time()
    result = function(*arguments)
    return time.process_time() - start, result


if __name__ == "__main__":
    main()

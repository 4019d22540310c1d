"""The outcome of asking an oracle."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tests.oracles.sources import read


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the oracle and we differ.

    Attributes:
        theirs: what it says, empty if nothing.
        ours: what we say, empty if nothing.
        start: first byte of the place.
        end: its end.
    """

    theirs: str
    ours: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of comparing one source: how much there was of what, and where it differs."""

    counts: Counter[str]
    differences: list[Difference]


def main(language: str, compare_all: Callable[[Sequence[str]], list[Outcome | None]], counted: Sequence[str]) -> None:
    """Compare the sources that the command line names, and print tables.

    Args:
        language: of the sources.
        compare_all: compares each source, None where the oracle finds errors.
        counted: names of counts, where the second is a share of the first.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("sources", nargs="+", type=Path, help="files, folders, archives, or the shared data")
    parser.add_argument("--limit", type=int, help="how many sources to take from a folder or archive, chosen at random")
    parser.add_argument("--examples", type=int, default=3, help="how many to show of each class of differences")
    arguments = parser.parse_args()
    classes: dict[tuple[str, str], list[str]] = {}
    total: dict[str, Counter[str]] = {}
    sources = read(arguments.sources, language, arguments.limit)
    while batch := list(islice(sources, 500)):
        outcomes = compare_all([text for _, _, text in batch])
        stopped = [n for n, outcome in enumerate(outcomes) if outcome is None]  # maybe just before the last bracket
        for n, outcome in zip(stopped, compare_all([f"{batch[n][2]}\n}}" for n in stopped]), strict=True):
            outcomes[n] = outcome
        for (corpus, name, text), outcome in zip(batch, outcomes, strict=True):
            counts = total.setdefault(corpus, Counter())
            if outcome is None:
                counts["faulty"] += 1
                continue
            counts += Counter(sources=1) + outcome.counts
            for difference in outcome.differences:
                excerpt = _excerpt(text.encode(), difference)
                classes.setdefault((difference.theirs, difference.ours), []).append(f"{name}: {excerpt!r}")
    print(f"| corpus | sources | with errors | {' | '.join(counted)} | |")
    print("|---" + "|--:" * (len(counted) + 3) + "|")
    for corpus, n in total.items():
        numbers = " | ".join(f"{n[what]:,}" for what in ("sources", "faulty", *counted))
        print(f"| {corpus} | {numbers} | {n[counted[1]] / max(n[counted[0]], 1):.3%} |")
    for (theirs, ours), examples in sorted(classes.items(), key=lambda pair: -len(pair[1])):
        print(f"\n{len(examples):,} x {theirs or 'nothing'} / {ours or 'nothing'}")
        for example in examples[:: max(len(examples) // max(arguments.examples, 1), 1)][: arguments.examples]:
            print(f"    {example}")


def _excerpt(source: bytes, difference: Difference) -> str:
    """What stands at a difference, or around it if that is a place of no length."""
    start, end = difference.start, difference.end
    if start == end:
        first = max(source.rfind(b"\n", 0, start) + 1, start - 60)
        around = source[first:start], source[start : start + 60].partition(b"\n")[0]
        return ">>>".join(text.decode(errors="replace") for text in around)
    text = source[start:end].decode(errors="replace")
    return text if len(text) < 120 else f"{text[:60]} ... {text[-40:]}"

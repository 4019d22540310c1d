"""What a comparison with an oracle found: counts, and examples of every class of difference."""

from __future__ import annotations

import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.analyze.show import whole_library

SHOWN = 8
"""Examples per class that are printed."""


class Tally:
    """Counts by name, and differences by class."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.differences: defaultdict[str, list[str]] = defaultdict(list)

    def differ(self, kind: str, example: str) -> None:
        self.differences[kind].append(example)

    def add(self, other: Tally, source: str = "") -> None:
        """Add what was found in one source, which its examples then name."""
        self.counts += other.counts
        for kind, examples in other.differences.items():
            self.differences[kind] += [f"{source} {example}".strip() for example in examples]

    def share(self, part: str, whole: str) -> float:
        return self.counts[part] / self.counts[whole]

    def __str__(self) -> str:
        lines = [f"{count:>10,}  {name}" for name, count in sorted(self.counts.items())]
        for kind, examples in sorted(self.differences.items(), key=lambda entry: -len(entry[1])):
            lines += ["", f"{kind}: {len(examples):,}"]
            step = max(1, len(examples) // SHOWN)  # from all over the corpus
            lines += [f"    {example}" for example in examples[::step][:SHOWN]]
        return "\n".join(lines)


Compare = Callable[[str], Tally]


def total(compare: Compare, sources: Iterable[tuple[object, str]]) -> Tally:
    """Compare many sources, each given with its name."""
    tally = Tally()
    for name, source in sources:
        tally.add(compare(source), str(name))
    return tally


def main(compare: Compare) -> None:
    """Print what the files on the command line show, or else the whole standard library."""
    named = [(path, Path(path).read_text(encoding="utf-8")) for path in sys.argv[1:]]
    sources = named or list(whole_library())
    print(f"{len(sources):,} files, {sum(len(text.encode()) for _, text in sources):,} bytes")
    start = time.process_time()
    print(total(compare, sources))
    print(f"\n{time.process_time() - start:.0f} s")

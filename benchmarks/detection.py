"""How well the language of code is found that nobody named, as a table in Markdown.

    python benchmarks/detection.py NEETCODE

NEETCODE holds `articles.jsonl.gz`. Up to 200 fenced blocks of each language that has a pack are analysed again: as fences without
an info string, and as whole responses without a fence.
"""

from __future__ import annotations

import random
import sys
from collections import Counter, defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.analyze.corpora import sources

from codeblock.analyze.analyze import analyze

PER_LANGUAGE = 200


def main(data: Path) -> None:
    texts: dict[str, list[str]] = defaultdict(list)
    for language, text in sources(data.parent, data.name):
        texts[language].append(text)
    print("| language | blocks | unnamed fence: right | prose | mistaken for | bare: right | prose | mistaken for |")
    print("|---|--:|--:|--:|---|--:|--:|---|")
    for language, blocks in sorted(texts.items()):
        chosen = random.Random(0).sample(blocks, min(PER_LANGUAGE, len(blocks)))
        fenced = Counter(found(f"Text.\n\n```\n{text}\n```\n") for text in chosen)
        bare = Counter(found(text) for text in chosen)
        print(f"| {language} | {len(chosen)} | {cells(fenced, language)} | {cells(bare, language)} |", flush=True)


def found(response: str) -> str:
    """The language of the first code segment."""
    return next((segment.language for segment in analyze([response]).segments if segment.language), "prose")


def cells(counts: Counter[str], language: str) -> str:
    total = counts.total()
    others = ", ".join(f"{name} {count}" for name, count in counts.most_common() if name not in (language, "prose"))
    return f"{counts[language] / total:.0%} | {counts['prose'] / total:.0%} | {others}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))

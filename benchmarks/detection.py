"""How well the language of code is found that nobody named, as a table in Markdown.

    python benchmarks/detection.py DATA

DATA holds the folders `gpteacher` and `neetcode`. Of gpteacher's answers, bare code, those count whose instruction names
one language and no other; it is taken for the truth. Of neetcode's articles, up to 200 fenced blocks of each language that has a
pack are analysed again: as fences without an info string, and as whole responses without a fence.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.analyze.corpora import sources

from codeblock.analyze.analyze import analyze

PER_LANGUAGE = 200
NAMES = {
    "bash": "Bash", "cpp": r"C\+\+", "csharp": "C#", "go": "Go(?:lang)?", "java": "Java", "javascript": "JavaScript",
    "kotlin": "Kotlin", "php": "PHP", "python": "Python", "ruby": "Ruby", "rust": "Rust", "swift": "Swift",
    "typescript": "TypeScript",
}  # fmt: skip


def main(data: Path) -> None:
    answers(data / "gpteacher" / "codegen-instruct.json")
    articles(data)


def answers(path: Path) -> None:
    counts: Counter[tuple[str, str]] = Counter()
    for row in json.loads(path.read_text()):
        named = [name for name, words in NAMES.items() if re.search(rf"(?<!\w){words}(?![\w+#])", row["instruction"])]
        if len(named) == 1:
            counts[named[0], found(row["response"])] += 1
    print("| instruction names | answers | right | prose | another language |\n|---|--:|--:|--:|---|")
    for language in sorted({language for language, _ in counts}):
        mine = Counter({answer: count for (name, answer), count in counts.items() if name == language})
        print(f"| {language} | {mine.total()} | {cells(mine, language)} |", flush=True)


def articles(data: Path) -> None:
    texts: dict[str, list[str]] = defaultdict(list)
    for language, text in sources(data, "neetcode"):
        texts[language].append(text)
    print("\n| language | blocks | unnamed fence: right | prose | mistaken for | bare: right | prose | mistaken for |")
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

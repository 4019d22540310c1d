"""What a selection chose, as tables in Markdown: by kind of statement, by how often the same line occurs, by place.

    python benchmarks/choices.py RUN

RUN is the directory of a finished ``codeblock select``. Tokens are model tokens of the responses.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

COMMON = 0.05  # of the samples: a line that stands in more of them is boilerplate


def main(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_bytes())
    samples = list(read(run))
    kept = [s for s in samples if s["reason"] is None]
    items = [[i for i in s["items"] if i["verdict"] not in ("words", "damaged")] for s in samples if s["items"] is not None]
    in_code, supervised = sum(i["tokens"] for s in items for i in s), np.sum([sum(s["supervised"]) for s in kept])
    code = sum(i["supervised"] for s in items for i in s)
    sizes = [len(s) for s in items]
    print(f"rows: {manifest['counts']}")
    print(
        f"supervised {manifest['supervised_tokens']:,} of {manifest['response_tokens']:,} response tokens of kept samples "
        f"({manifest['supervised_ratio']:.2%}), {manifest['pool_response_tokens']:,} of the pool "
        f"({manifest['supervised_ratio_pool']:.2%}); end of turn in {manifest['end_of_turn_rows']:,}"
    )
    print(f"code items per response: {percentiles(sizes)}; tokens in code items {in_code:,}")
    print(f"supervised per kept sample, of its response: {percentiles([100 * np.mean(s['supervised']) for s in kept])} %")
    print(f"of the supervised tokens {code / supervised:.1%} are in code items, the rest words and fences\n")
    by_node: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for item in (i for s in items for i in s):
        by_node[item["node"]].append(item)
    rows = sorted(by_node.items(), key=lambda pair: -sum(i["supervised"] for i in pair[1]))
    table("kind of statement", rows[:14], code)
    lines = Counter(line for s in items for line in {i["text"] for i in s})
    often: dict[str, list[dict[str, Any]]] = {f"in more than {COMMON:.0%} of the samples": [], "in fewer": [], "in one": []}
    for item in (i for s in items for i in s):
        count = lines[item["text"]]
        name = list(often)[0 if count > COMMON * len(items) else 2 if count == 1 else 1]
        often[name].append(item)
    table("the same text stands", list(often.items()), code)
    print("| boilerplate that carries loss | in samples | chosen or required |\n|---|--:|--:|")
    loss = Counter(i["text"] for s in items for i in s if i["supervised"])
    for text, count in sorted(loss.items(), key=lambda pair: (-pair[1], pair[0]))[:10]:
        print(f"| `{text[:70]}` | {lines[text]:,} | {count:,} |")


def read(run: Path) -> Iterator[dict[str, Any]]:
    """Annotation rows, each item with its text and the share of its tokens that carry loss."""
    for path in sorted((run / "annotations").glob("*.parquet")):
        annotations = pq.read_table(path).to_pylist()
        stored = pq.read_table(run / "stages" / "samples" / path.name.replace("train", "part")).to_pylist()
        for row, sample in zip(annotations, stored, strict=True):
            answers = [m["content"].encode() for m in sample["messages"] or [] if m["role"] == "assistant"]
            for item in row["items"] or []:
                source = answers[row["segments"][item["segment"]]["response"]]
                item["text"] = " … ".join(" ".join(source[s["start"] : s["end"]].decode().split()) for s in item["spans"])
            yield row


def percentiles(values: list[Any]) -> str:
    low, middle, high = np.percentile(values, (10, 50, 90))
    return f"median {middle:.0f} (10 to 90 %: {low:.0f} to {high:.0f})"


def table(title: str, rows: list[tuple[str, list[dict[str, Any]]]], supervised: int) -> None:
    """Items by group: how many, how many carry loss, their mean utility, and their share of the supervised code tokens."""
    print(
        f"| {title} | items | carry loss | mean utility | tokens an item | of supervised code tokens |\n|---|--:|--:|--:|--:|--:|"
    )
    for name, group in rows:
        if not group:
            continue
        on = sum(i["supervised"] > 0 for i in group)
        share = sum(i["supervised"] for i in group) / supervised
        utility, size = np.mean([i["utility"] for i in group]), np.mean([i["tokens"] for i in group])
        print(f"| {name} | {len(group):,} | {on / len(group):.0%} | {utility:.2f} | {size:.1f} | {share:.1%} |")
    print()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

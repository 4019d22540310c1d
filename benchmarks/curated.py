"""What a curation chose, as Markdown: counts, ten kept and ten dropped rows, how strategies differ; and a plot.

python benchmarks/curated.py DIR [PLOT.png]        DIR of a finished `codeblock curate`; the plot needs matplotlib
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from codeblock.config import CurateRecipe
from codeblock.curate.choice import choose
from codeblock.curate.decisions import DIRECTORY
from codeblock.curate.profiles import CONTENT, DIFFICULTY, EMBEDDING, POOL, QUALITY, load_profiles
from codeblock.curate.quality import find_sources, quality_names
from codeblock.curate.strategies import SAMPLE_STRATEGIES, Needs

REASONS = ("benchmark_overlap", "duplicate", "near_duplicate", "not_chosen")


def rows(stages: Path, stage: str) -> list[dict[str, Any]]:
    return [row for part in sorted((stages / stage).glob("part-*.parquet")) for row in pq.read_table(part).to_pylist()]


def line(*cells: object) -> None:
    print("| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")


def show_counts(report: dict[str, Any]) -> None:
    line("source", "rows", "kept", *REASONS)
    line("---", *["--:"] * (2 + len(REASONS)))
    for source, count in report["sources"].items():
        line(source, f"{count['rows']:,}", f"{count['kept']:,}", *(f"{count.get(reason, 0):,}" for reason in REASONS))


def why(row: dict[str, Any]) -> str:
    if row["task"]:
        return f"{row['task_share']:.0%} of the {row['task_part']} of {row['task']}"
    if row["duplicate_of"]:
        return f"{row['duplicate_similarity']:.2f} like {row['duplicate_of']}"
    notes = ", ".join(note.partition(":")[2] for note in row["notes"])
    near = f"; nearest {row['neighbours'][0]} ({row['similarities'][0]:.2f})" if row["neighbours"] else ""
    return f"quality {row['quality'][0]:g}{f' ({notes})' if notes else ''}, scarcity {row['scarcity']:.2f}{near}"


def show_rows(decisions: list[dict[str, Any]]) -> None:
    kept = sorted((row for row in decisions if row["reason"] is None), key=lambda row: row["rank"])
    step = max(1, len(kept) // 10)
    dropped: list[dict[str, Any]] = []
    for reason, count in zip(REASONS, (3, 1, 3, 4), strict=True):
        mine = [row for row in decisions if row["reason"] == reason]
        dropped += mine[:: max(1, len(mine) // count)][:count]
    line("row", "verdict", "rank", "why")
    line("---", "---", "--:", "---")
    for row in (*kept[::step][:10], *dropped[:10]):
        line(f"`{row['id']}`", row["reason"] or "kept", "" if row["rank"] is None else f"{row['rank']:,}", why(row))


def show_strategies(root: Path, recipe: CurateRecipe, groups: dict[str, str]) -> None:
    stages, names = root / "stages", quality_names(recipe.curate.quality)
    used = [name for name in (POOL, CONTENT, QUALITY, EMBEDDING, DIFFICULTY) if (stages / name).is_dir()]
    profiles = load_profiles(stages, names, used)
    chosen: dict[str, set[int]] = {}
    for name, strategy in SAMPLE_STRATEGIES.items():
        if Needs.DIFFICULTY in strategy.needs and DIFFICULTY not in used:
            continue
        settings = recipe.curate.model_copy(update={"sample_strategy": name})
        choice = choose(stages, profiles, settings, find_sources(names), groups)
        chosen[name] = set(choice.order.tolist())
        sources = Counter(groups[profiles.files[row]] for row in chosen[name])
        length = sum(int(profiles.length[row]) for row in chosen[name]) / len(chosen[name])
        print(
            f"{name}: {length:,.0f} bytes of response on average; " + ", ".join(f"{s} {n:,}" for s, n in sorted(sources.items()))
        )
    print()
    line("", *chosen)
    line("---", *["--:"] * len(chosen))
    for name, mine in chosen.items():
        line(f"`{name}`", *(f"{len(mine & theirs) / len(mine | theirs):.2f}" for theirs in chosen.values()))


def plot(decisions: list[dict[str, Any]], path: str) -> None:
    import matplotlib
    import numpy as np

    matplotlib.use("Agg")
    from matplotlib import pyplot

    ranked = [row for row in decisions if row["rank"] is not None]
    quality = np.array([row["quality"][0] for row in ranked])
    scarcity = np.array([row["scarcity"] for row in ranked])
    kept = np.array([row["reason"] is None for row in ranked])
    shift = np.random.default_rng(0).uniform(-0.35, 0.35, len(ranked))
    figure, axes = pyplot.subplots(figsize=(8, 4.5))
    for mask, colour, label in ((~kept, "#bbbbbb", "not chosen"), (kept, "#1f6fb4", "kept")):
        axes.scatter(scarcity[mask], (quality + shift)[mask], s=3, c=colour, label=f"{label} ({mask.sum():,})", linewidths=0)
    axes.set_xlabel("scarcity")
    axes.set_ylabel("checks passed (spread for legibility)")
    axes.set_yticks(range(6))
    axes.legend(loc="lower right", markerscale=4)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    where = Path(sys.argv[1])
    found = json.loads((where / "curation.json").read_bytes())
    decided = rows(where / "stages", DIRECTORY)
    files = [row["source"] for row in rows(where / "stages", POOL)]
    show_counts(found)
    print()
    show_rows(decided)
    print()
    settings = CurateRecipe.model_validate(found["config"])
    show_strategies(where, settings, dict(zip(files, (row["source"] for row in decided), strict=True)))
    if len(sys.argv) > 2:
        plot(decided, sys.argv[2])

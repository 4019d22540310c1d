"""Curation from end to end, on pools in which something is planted."""

import contextlib
import functools
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from codeblock.config import CurateRecipe
from codeblock.curate import choice as choosing
from codeblock.engine.curation import curate
from tests.curate.disguise import comment, reindent, rename
from tests.curate.programs import programs
from tests.engine.test_pipeline import codeblock, tree


@contextlib.contextmanager
def silent(stage: str) -> Iterator[Callable[[int, int | None], None]]:
    yield lambda done, total: None


RARE = [
    "The organ of the cathedral was tuned again after the flood, pipe by pipe.",
    "Whisk six egg whites with sugar until they hold soft peaks, then fold in the almonds.",
    "Glaciers carve valleys in the shape of a U, while rivers leave them like a V.",
    "A tenant may end the lease with three months of notice, in writing.",
    "Bees dance in the dark to tell the hive where clover blooms.",
    "Her forehand was wide, and the umpire gave the set to the visitors.",
    "Penicillin was found because a window stood open over a dish of mould.",
    "Mortgage payments rose by a third when the central bank tightened.",
    "Nobody in the regiment had slept since they crossed the frozen pass.",
    "Sourdough wants patience: feed the starter at dawn and at dusk.",
    "Volcanic ash grounded all flights over the northern ocean for a week.",
    "The soprano sang the last aria twice, as the audience would not leave.",
    "Knit two, purl two, and turn the heel when the sock is a hand long.",
    "Saturn's rings are ice, most of it in pieces no larger than a house.",
    "Voters in the canton refused the tunnel for the fourth time.",
    "Cheetahs sprint for half a minute; then they must cool down.",
    "Oak barrels give the whisky its colour, and the sea air its salt.",
    "Grandfather kept bees, rabbits, a mule, and the grudge against his brother.",
    "Asbestos was banned decades after doctors had warned of its fibres.",
    "Chess clocks were introduced since some players thought for hours.",
]
COMMON = programs(400, seed=3)
LEAKED = programs(50, seed=4)


def row(identifier: str, code: str, **extra: Any) -> dict[str, Any]:
    # the instructions are the same, so that nothing but the code tells samples apart
    return {"id": identifier, "prompt": "Write this function.", "completion": f"```python\n{code}```\n", **extra}


def planted() -> list[dict[str, Any]]:
    """400 common samples, 20 rare ones, 100 duplicates (half of them disguised), 50 leaks (two thirds disguised)."""
    rows = [row(f"common-{n}", code, score=n % 5) for n, code in enumerate(COMMON)]
    rows += [{"id": f"rare-{n}", "prompt": "Tell me.", "completion": text, "score": 4} for n, text in enumerate(RARE)]
    rows += [row(f"copy-{n}", COMMON[n], score=n % 5) for n in range(50)]
    rows += [row(f"near-{n}", (comment, reindent)[n % 2](COMMON[n]) + "\n", score=n % 5) for n in range(50, 100)]
    rows += [row(f"leak-{n}", (str, reindent, rename)[n % 3](code) + "\n", score=4) for n, code in enumerate(LEAKED)]
    return rows


def write_pool(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return path


def write_tasks(path: Path) -> Path:
    return write_pool(path, [{"task_id": str(n), "prompt": "", "code": code} for n, code in enumerate(LEAKED)])


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("curation")
    write_pool(path / "pool.jsonl", planted())
    write_tasks(path / "tasks.jsonl")
    return path


def run(directory: Path, out: str, *data: Path, **curate_settings: Any) -> dict[str, Any]:
    settings = {
        "samples": 120, "quality": "column:score", "benchmarks": str(directory / "tasks.jsonl"), "pool_shard_rows": 100,
        **curate_settings,
    }  # fmt: skip
    names = [str(path) for path in data or [directory / "pool.jsonl"]]
    recipe = CurateRecipe.model_validate(
        {"data": names, "out": str(directory / out), "curate": settings, "analyze": {"workers": 1}}
    )
    return curate(recipe, silent).report


def decisions(out: Path) -> dict[str, dict[str, Any]]:
    parts = sorted((out / "stages" / "decisions").glob("part-*.parquet"))
    return {one["id"]: one for part in parts for one in pq.read_table(part).to_pylist()}


def chosen(out: Path) -> list[dict[str, Any]]:
    return [one for part in sorted((out / "data").glob("*.parquet")) for one in pq.read_table(part).to_pylist()]


@pytest.fixture(scope="module")
def finished(directory: Path) -> Path:
    run(directory, "run")
    return directory / "run"


def test_planted_duplicates_and_leaks_are_all_found_and_nothing_else(finished: Path) -> None:
    found = decisions(finished)
    reasons = {name: one["reason"] for name, one in found.items()}
    for n in range(50):  # which of two equal rows stays is decided by their ids
        assert (reasons[f"copy-{n}"], found[f"copy-{n}"]["duplicate_of"]) == ("duplicate", f"common-{n}")
    for n in range(50, 100):
        pair = {f"near-{n}": f"common-{n}", f"common-{n}": f"near-{n}"}
        (dropped,) = [name for name in pair if reasons[name] == "near_duplicate"]
        assert found[dropped]["duplicate_of"] == pair[dropped]
        assert found[dropped]["duplicate_similarity"] >= 0.8
    for n in range(50):
        assert reasons[f"leak-{n}"] == "benchmark_overlap"
        assert found[f"leak-{n}"]["task"] == f"tasks/{n}"
        assert found[f"leak-{n}"]["task_part"] == ("nameless solution" if n % 3 == 2 else "solution")
    counts = {reason: list(reasons.values()).count(reason) for reason in set(reasons.values())}
    assert counts == {None: 120, "duplicate": 50, "near_duplicate": 50, "benchmark_overlap": 50, "not_chosen": 300}


def test_rare_samples_are_on_top_of_their_quality(finished: Path) -> None:
    assert {one["id"] for one in chosen(finished)[:20]} == {f"rare-{n}" for n in range(20)}
    ranks = sorted(one["rank"] for name, one in decisions(finished).items() if name.startswith("rare"))
    assert ranks == list(range(20))


def test_quality_comes_first(finished: Path) -> None:
    found = decisions(finished)
    kept = [found[one["id"]] for one in chosen(finished)]
    assert [one["rank"] for one in kept] == list(range(120))
    ranked = [(one["classes"][0], one["scarcity"]) for one in kept]
    assert ranked == sorted(ranked, reverse=True)
    assert {one["quality"][0] for one in kept} == {3.0, 4.0}


def test_every_row_is_counted_by_reason_and_source(directory: Path) -> None:
    rows = planted()
    bad = [{"id": "copy-0", "prompt": "again", "completion": "x"}, {"id": "empty", "prompt": "x", "completion": ""}]
    folder = directory / "parts"
    write_pool(folder / "deep" / "a.jsonl", rows[:300])
    write_pool(folder / "b.jsonl", rows[300:])
    (folder / "notes.txt").write_text("no data")
    more = write_pool(directory / "more.jsonl", [*rows[420:421], *bad[1:]])
    with more.open("a") as file:
        file.write("{broken\n")
    # `copy-0` comes twice
    report = run(directory, "several", folder, more)
    counts = report["counts"]
    assert counts["rows_in"] == 573 == counts["kept"] + sum(counts["rejected"].values()) + sum(counts["quarantined"].values())
    assert counts["quarantined"] == {"not_json": 1}
    assert counts["rejected"]["duplicate_id"] == counts["rejected"]["empty_response"] == 1
    assert report["sources"]["more.jsonl"] == {
        "rows": 3, "kept": 0, "duplicate_id": 1, "empty_response": 1, "not_json": 1,
    }  # fmt: skip
    parts = report["sources"]["parts"]
    assert parts["rows"] == 570 == sum(count for name, count in parts.items() if name != "rows")
    assert parts["kept"] == 120


def test_the_order_of_the_input_changes_nothing(directory: Path, finished: Path) -> None:
    rows = planted()
    random.Random(1).shuffle(rows)
    path = write_pool(directory / "shuffled" / "pool.jsonl", rows)
    run(directory, "other", path)
    other = chosen(directory / "other")
    assert [one["id"] for one in other] == [one["id"] for one in chosen(finished)]
    for one, again in zip(chosen(finished), other, strict=True):
        assert one["messages"] == again["messages"]
    mine, theirs = decisions(finished), decisions(directory / "other")
    for name, one in mine.items():
        assert {**one, "rank": None} == {**theirs[name], "rank": None} or one["rank"] is not None
        assert one["rank"] == theirs[name]["rank"]
        assert one["scarcity"] == theirs[name]["scarcity"]


def test_the_order_of_the_input_changes_nothing_for_an_embedder_that_learns(directory: Path) -> None:
    rows = planted()
    run(directory, "learnt", embedder="tfidf")
    random.Random(2).shuffle(rows)
    run(directory, "learnt-2", write_pool(directory / "shuffled" / "pool.jsonl", rows), embedder="tfidf")
    one, other = chosen(directory / "learnt"), chosen(directory / "learnt-2")
    assert [o["id"] for o in one] == [o["id"] for o in other]


def test_the_same_run_again_makes_nothing_and_one_setting_remakes_only_what_depends_on_it(directory: Path) -> None:
    run(directory, "again")
    before = tree(directory / "again")
    recipe = CurateRecipe.model_validate(
        {
            "data": [str(directory / "pool.jsonl")],
            "out": str(directory / "again"),
            "analyze": {"workers": 1},
            "curate": {
                "samples": 120, "quality": "column:score", "benchmarks": str(directory / "tasks.jsonl"), "pool_shard_rows": 100,
            },
        }
    )  # fmt: skip
    done = curate(recipe, silent)
    assert [stage.shards_done for stage in done.stages] == [0] * 5
    assert tree(directory / "again") == before
    other = recipe.model_copy(update={"curate": recipe.curate.model_copy(update={"samples": 10})})
    done = curate(other, silent)
    assert [stage.shards_done for stage in done.stages] == [0, 0, 0, 0, 6]
    assert len(chosen(directory / "again")) == 10


def test_many_cells_find_the_rare_too(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from codeblock.curate import neighbours

    monkeypatch.setattr(neighbours, "_CELL", 20)
    monkeypatch.setattr(choosing, "listed_neighbours", functools.partial(neighbours.listed_neighbours, probes=3))
    report = run(directory, "cells", exact_up_to=100)
    near = report["neighbours"]
    assert near["search"] == "inverted lists"
    assert near["refined"] == 4
    assert 0.5 < near["recall"]["all"] < 1
    assert {one["id"] for one in chosen(directory / "cells")[:20]} == {f"rare-{n}" for n in range(20)}


def test_vectors_of_ones_own(directory: Path) -> None:
    rows = planted()
    vectors = np.random.default_rng(0).normal(size=(len(rows), 8)).astype(np.float32)
    vectors[:, 0] += 5
    vectors[3] = -vectors[3]
    np.save(directory / "own.npy", vectors)
    run(directory, "own", embeddings=str(directory / "own.npy"))
    found = decisions(directory / "own")
    assert max(found.values(), key=lambda one: one["scarcity"] or 0)["id"] == "common-3"


def test_missing_quality_is_last_or_dropped_and_never_zero(directory: Path) -> None:
    rows = [row(f"r{n}", code, **({} if n % 4 == 0 else {"score": 0})) for n, code in enumerate(COMMON[:40])]
    path = write_pool(directory / "missing.jsonl", rows)
    run(directory, "last", path, samples=30)
    assert all(one["quality"] == [0.0] for one in (decisions(directory / "last")[o["id"]] for o in chosen(directory / "last")))
    report = run(directory, "drop", path, samples=1, missing="drop")
    assert report["counts"]["rejected"] == {"quality_missing": 10}
    assert report["quality_notes"] == {"column:score:absent": 10}


def test_better_duplicates_stay(directory: Path) -> None:
    rows = [row(f"r{n}", COMMON[0], score=score) for n, score in enumerate([1, 3, 2])]
    rows += [row("near", comment(COMMON[0]) + "\n", score=4), row("other", COMMON[1], score=0)]
    run(directory, "better", write_pool(directory / "better.jsonl", rows), samples=1)
    assert [one["id"] for one in chosen(directory / "better")] == ["near", "other"]
    found = decisions(directory / "better")
    assert {found[f"r{n}"]["duplicate_of"] for n in range(3)} == {"r1", "near"}


def test_weights_share_out_the_samples(directory: Path) -> None:
    a = write_pool(directory / "a.jsonl", [row(f"a{n}", code, score=0) for n, code in enumerate(COMMON[:60])])
    b = write_pool(directory / "b.jsonl", [row(f"b{n}", code, score=9) for n, code in enumerate(COMMON[60:120])])
    report = run(directory, "weights", a, b, samples=40, weights="a.jsonl=3,b.jsonl=1")
    assert {name: count["kept"] for name, count in report["sources"].items()} == {"a.jsonl": 30, "b.jsonl": 10}


COMMAND = ("--quality", "column:score", "--samples", 50, "--pool-shard-rows", 100, "--workers", 1)


def test_command_line(directory: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, pool = directory / "cli", directory / "pool.jsonl"
    told = codeblock("curate", pool, "--out", out, *COMMAND, "--benchmarks", directory / "tasks.jsonl")
    for line in (
        "rows in             570",
        "50  benchmark_overlap",
        "rows kept            50",
        "tasks.jsonl (50 tasks)",
        "recall@10 1.0000",
    ):
        assert " ".join(line.split()) in " ".join(told.split()), told
    capsys.readouterr()
    for name, parts in {
        "leak-3": ("dropped: benchmark_overlap", "tasks/3: 100% of its solution"),
        "copy-3": ("dropped: duplicate", "common-3, similarity 1.00"),
        "rare-5": ("kept", "quality column:score  4, class 4", "scarcity", "neighbour"),
    }.items():
        done = subprocess.run(
            [sys.executable, "-m", "codeblock", "curate", "--out", str(out), "--explain", name],
            capture_output=True,
            text=True,
            check=True,
        )
        for part in parts:
            assert " ".join(part.split()) in " ".join(done.stdout.split()), done.stdout
    told = codeblock("curate", "--out", out, "--explain", "rare-55", code=2)
    assert "no row has the id 'rare-55'; did you mean 'rare-5" in told
    told = codeblock("curate", directory / "tasks.jsonl", "--out", out, *COMMAND, code=2)
    assert "holds a curation of other data" in told
    assert "holds the result of `codeblock curate`" in codeblock("select", pool, "--out", out, "--model", tiny_model, code=2)
    assert "unknown sample strategy 'rando'; did you mean 'random'?" in codeblock(
        "curate", pool, "--out", out, *COMMAND, "--sample-strategy", "rando", code=2
    )
    assert "say how many samples to keep with --samples" in codeblock("curate", pool, "--out", out, code=2)
    assert "needs a scoring model: name it with --model" in codeblock(
        "curate", pool, "--out", out, *COMMAND, "--sample-strategy", "ifd", code=2
    )


@pytest.mark.parametrize("strategy", ["random", "longest", "quality", "scarcity", "ds2-order", "clam"])
def test_every_strategy_that_needs_no_model(directory: Path, strategy: str) -> None:
    report = run(directory, strategy, sample_strategy=strategy, samples=30)
    assert report["counts"]["kept"] == len(chosen(directory / strategy)) == 30
    looked = bool(report["neighbours"])
    assert looked == (strategy in ("scarcity", "ds2-order"))


def test_strategies_that_need_a_model(directory: Path, tiny_model: Path) -> None:
    pool = write_pool(directory / "few.jsonl", [row(f"r{n}", code, score=1) for n, code in enumerate(COMMON[:24])])
    out = directory / "ifd"
    codeblock(
        "curate", pool, "--out", out, "--samples", 8, "--sample-strategy", "ifd", "--model", tiny_model, "--quality", "tests"
    )
    assert len(chosen(out)) == 8
    parts = [one for part in (out / "stages" / "difficulty").glob("*.parquet") for one in pq.read_table(part).to_pylist()]
    assert len(parts) == 24
    assert all(0.5 < one["ifd"] < 2 and 0 < one["mean_gce"] < 1 / 0.7 for one in parts)
    best = {one["id"]: one["ifd"] for one in parts}
    ranked = [best[one["id"]] for one in chosen(out)]
    assert ranked == sorted(ranked, key=lambda value: (value >= 1, -value))
    banded = directory / "band"
    codeblock("curate", pool, "--out", banded, "--samples", 20, "--model", tiny_model, "--quality", "gce-band", "--gce-high", 0.8)
    values = sorted(one["mean_gce"] for one in parts)
    kept = {one["id"] for one in chosen(banded)}
    inside = {one["id"] for one in parts if np.quantile(values, 0.1) <= one["mean_gce"] <= np.quantile(values, 0.8)}
    assert kept > inside


def test_kills_change_nothing(directory: Path) -> None:
    base = [sys.executable, "-m", "codeblock", "curate", "pool.jsonl", *map(str, COMMAND), "--embedder", "tfidf", "--out"]
    started = time.monotonic()
    subprocess.run([*base, "never-killed"], cwd=directory, check=True, capture_output=True)
    longest = time.monotonic() - started
    expected = tree(directory / "never-killed")
    drawn = random.Random(0)
    for attempt in range(2):
        out = f"killed-{attempt}"
        for _ in range(3):
            process = subprocess.Popen([*base, out], cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                process.communicate(timeout=drawn.uniform(0.4, 1) * longest)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
        subprocess.run([*base, out], cwd=directory, check=True, capture_output=True)
        found = tree(directory / out)
        assert found.pop("recipe.yaml") and found.pop("curation.json")
        assert found == {name: content for name, content in expected.items() if name not in ("recipe.yaml", "curation.json")}

"""The card tells the figures, and makes the artefact a dataset that loads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from codeblock.export.card import card
from codeblock.export.labels import IGNORED
from tests.export.artefact import random_rows, write_artefact

MANIFEST = {
    "model": "org/tiny",
    "tokenizer": "org/tiny",
    "rows": 1234,
    "max_length": 90,
    "supervised_tokens": 40_000,
    "end_of_turn_rows": 300,
    "response_tokens": 100_000,
    "pool_response_tokens": 400_000,
    "supervised_ratio": 0.4,
    "supervised_ratio_pool": 0.1,
    "labels_sha256": "ab" * 32,
}


def test_the_figures():
    text = card(MANIFEST)
    assert (
        "1,234 instruction-response pairs, tokenised for `org/tiny`, in which only the parts worth learning carry loss:\n"
        "**40,000** supervised tokens, 40.00% of the 100,000 response tokens of these rows and 10.00% of the\n"
        "400,000 response tokens of the whole pool. Beside them, 300 rows train the end of their turn." in text
    )
    assert f"`{'ab' * 32}`" in text


def test_settings_counts_and_versions_are_tables():
    text = card(
        MANIFEST
        | {
            "config": {"select": {"strategy": "codeblock", "budget": 0.4, "tau": None}},
            "counts": {"rows_in": 1500, "rejected": {"a|b": 266}},
            "versions": {"codeblock": "0.1.0"},
        }
    )
    for line in (
        "| strategy | codeblock |",
        "| budget | 0.4 |",
        "| tau | default |",
        "| version of codeblock | 0.1.0 |",
        "| rows in | 1,500 |",
        "| rejected: a&#124;b | 266 |",
    ):
        assert line in text.splitlines()


def test_the_header_states_no_licence():
    header = yaml.safe_load(re.split("^---$", card(MANIFEST), flags=re.M)[1])
    assert [c["config_name"] for c in header["configs"]] == ["default", "annotations"]
    assert header["size_categories"] == ["1K<n<10K"]
    assert "license" not in header


@pytest.mark.parametrize(
    ("rows", "category"),
    [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (99_999, "10K<n<100K"), (999_999, "100K<n<1M"), (1_000_000, "n>1M")],
)
def test_the_size_category(rows: int, category: str):
    assert f"\n- {category}\n" in card(MANIFEST | {"rows": rows})


@pytest.mark.parametrize("empty", [(), (0,), (1,), (0, 2)])
def test_the_directory_loads_as_a_dataset(tmp_path: Path, empty: tuple[int, ...]):
    from datasets import load_dataset

    rows = random_rows(12)
    shards = [rows[:5], rows[5:]]
    for place in empty:
        shards.insert(place, [])
    write_artefact(tmp_path / "out", shards)
    train = load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    assert train.column_names == ["input_ids", "attention_mask", "labels"]
    assert [(row["input_ids"], row["labels"]) for row in train] == rows
    assert all(row["labels"][0] == IGNORED for row in train)
    notes = load_dataset(str(tmp_path / "out"), "annotations", split="train", cache_dir=str(tmp_path / "cache"))
    assert len(notes) == 12 + 2  # and a dropped row in each shard that has any

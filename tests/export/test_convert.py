"""Rows in other forms are the artefact's rows."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from codeblock.errors import StoreError, UsageError
from codeblock.export.convert import convert
from tests.engine.test_pipeline import codeblock
from tests.export.artefact import random_rows, write_artefact


@pytest.fixture
def artefact(tmp_path: Path) -> Path:
    rows = random_rows(9)
    write_artefact(tmp_path / "run", [rows[:4], [], rows[4:]])
    return tmp_path / "run"


def test_arrow_is_what_datasets_loads_from_disk(artefact: Path):
    from datasets import load_from_disk

    codeblock("export", artefact, "--format", "arrow")
    loaded = load_from_disk(str(artefact / "arrow"))
    assert loaded.column_names == ["input_ids", "attention_mask", "labels"]
    assert [(row["input_ids"], row["labels"]) for row in loaded] == random_rows(9)
    features = json.loads((artefact / "arrow/dataset_info.json").read_text())["features"]
    assert {feature["_type"] for feature in features.values()} == {"Sequence"}  # old versions know no List


def test_shifted_labels_are_one_place_earlier(artefact: Path, tmp_path: Path):
    assert convert(artefact, "shifted", tmp_path / "out") == 9
    found = [row for path in sorted((tmp_path / "out").glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
    for row, (ids, labels) in zip(found, random_rows(9), strict=True):
        assert row["input_ids"] == ids
        assert row["labels"] == [*labels[1:], -100]
        assert row["attention_mask"] == [1] * len(ids)


def test_faults(artefact: Path, tmp_path: Path):
    assert "unknown format 'arow'; did you mean 'arrow'? (known: arrow, shifted)" in codeblock(
        "export", artefact, "--format", "arow", code=2
    )
    (tmp_path / "full").mkdir()
    (tmp_path / "full/a").touch()
    with pytest.raises(UsageError, match="holds files already"):
        convert(artefact, "arrow", tmp_path / "full")
    (artefact / "data/train-00000.parquet").unlink()
    with pytest.raises(StoreError, match=r"is damaged \(\d+ faults\): data/train-00000.parquet is missing"):
        convert(artefact, "arrow", tmp_path / "out")

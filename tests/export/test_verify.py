"""Every way in which an artefact or a trainer can go wrong must show, and a sound one must pass."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from codeblock.errors import DataError, MissingExtraError, StoreError, UsageError
from codeblock.export.labels import IGNORED
from codeblock.export.verify import TRAINERS, TrainerReport, verify
from tests.export.artefact import notes_of, random_rows, rewrite_manifest, write_artefact, write_parquet, write_shard

ROWS = random_rows(40)
SHARDS = [[], ROWS[:15], [], ROWS[15:]]  # selection writes a shard for every input shard, also when no row of it is left


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("artefact") / "out"
    write_artefact(directory, SHARDS)
    return directory


@pytest.fixture
def artefact(original: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(original, tmp_path / "out"))


def differences(directory: Path, *trainers: str) -> list[str]:
    """All that `verify` says about the files and the trainers."""
    return [line for report in verify(directory, trainers) for line in report.differences]


# ------------------------------------------------------------------------------------------------------ a sound artefact


@pytest.fixture(scope="module")
def sound(original: Path) -> list[TrainerReport]:
    return verify(original)


def test_a_sound_artefact_is_trained_exactly(sound: list[TrainerReport]):
    assert [report.name for report in sound] == ["artefact", *TRAINERS]
    assert [report.differences for report in sound] == [()] * 4
    assert {(r.rows, r.trained_tokens, r.masked_tokens, r.skipped) for r in sound} == {
        (
            40,
            sum(label != IGNORED for _, labels in ROWS for label in labels),
            sum(label == IGNORED for _, labels in ROWS for label in labels),
            None,
        )
    }
    for report in sound[1:]:
        assert report.loss == pytest.approx(report.expected_loss, rel=1e-5)


def test_versions_are_those_installed(sound: list[TrainerReport]):
    import transformers
    import trl

    assert sound[1].versions["trl"] == trl.__version__
    assert sound[3].versions["transformers"] == transformers.__version__


# --------------------------------------------------------------------------------------------------------- faulty files


def test_a_label_changed_after_hashing(artefact: Path):
    shard = artefact / "data/train-00001.parquet"
    rows = [(ids, list(labels)) for ids, labels in SHARDS[1]]
    at = next(i for i, label in enumerate(rows[3][1]) if label != IGNORED)
    rows[3][1][at] = IGNORED
    write_shard(shard, rows)
    told = differences(artefact)
    assert told[0].startswith("data/train-00001.parquet ")  # the size or the hash of the file
    assert told[1] == f"data/train-00001.parquet row 3: 1 labels are not what its annotations say, the first at position {at}"
    assert told[2].startswith("labels_sha256 of the data is ")
    assert len(told) == 3


def test_missing_and_unknown_files(artefact: Path):
    (artefact / "data/train-00003.parquet").rename(artefact / "data/train-00004.parquet")
    told = differences(artefact)
    assert told == ["data/train-00003.parquet is missing", "data/train-00004.parquet is not in the manifest"]
    _, trainer = verify(artefact, ["transformers"])
    assert trainer.skipped == "the artefact cannot be loaded"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rows", 41),
        ("supervised_tokens", 1),
        ("end_of_turn_rows", 3),
        ("response_tokens", 9),
        ("pool_response_tokens", 9),
        ("supervised_ratio", 0.5),
        ("supervised_ratio_pool", 0.25),
    ],
)
def test_a_number_of_the_manifest_that_does_not_follow_from_the_files(artefact: Path, name: str, value: float):
    path = artefact / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, name: value}))
    assert differences(artefact) == [f"{name} of the data is {manifest[name]}, the manifest says {value}"]


def test_rows_that_the_data_and_the_annotations_do_not_share(artefact: Path):
    notes = artefact / "annotations/train-00001.parquet"
    write_parquet(notes, notes_of([*SHARDS[1][:-1], SHARDS[3][0], SHARDS[3][1]]))
    rewrite_manifest(artefact)
    told = differences(artefact)
    lengths = len(ROWS[14][0]), len(ROWS[15][0])
    assert (
        told[0]
        == f"data/train-00001.parquet row 14: it has {lengths[0]} tokens, but its annotations speak of number {lengths[1] - 1}"
    )
    assert told[1] == "data/train-00001.parquet lacks 1 rows that the annotations keep"
    write_parquet(notes, notes_of(SHARDS[1][:-1]))
    rewrite_manifest(artefact)
    assert differences(artefact)[0] == "data/train-00001.parquet row 14 has no annotations"


def test_a_byte_changed_in_the_annotations(artefact: Path):
    path = artefact / "annotations/train-00001.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert differences(artefact) == [
        "annotations/train-00001.parquet is not the file that was written: its sha256 differs from the manifest's"
    ]


@pytest.mark.parametrize(
    ("ids", "labels", "expected"),
    [
        ([5, 6, 7], [IGNORED] * 3, "data/train-00000.parquet row 1: no token is trained"),
        ([5, 6, 7], [5, 6, 7], "data/train-00000.parquet row 1: the first token is trained, but nothing precedes it"),
        ([5, 6, 7], [IGNORED, 6, 8], "data/train-00000.parquet row 1: position 2 is trained on 8, but its token is 7"),
    ],
)
def test_rows_that_break_the_promise(tmp_path: Path, ids: list[int], labels: list[int], expected: str):
    write_artefact(tmp_path, [[ROWS[0], (ids, labels)]])
    assert differences(tmp_path) == [expected]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (
            {"input_ids": pa.array([[1]]), "labels": pa.array([[1]])},
            "data/train-00000.parquet has the columns input_ids list<element: int64>, labels list<element: int64>; "
            "it must have input_ids, attention_mask, labels as lists and no others",
        ),
        (
            {
                "input_ids": pa.array([[1, 2]], pa.list_(pa.int32())),
                "attention_mask": pa.array([[1, 1]], pa.list_(pa.int8())),
                "labels": pa.array([[2]], pa.list_(pa.int32())),
            },
            "data/train-00000.parquet has rows whose columns differ in length",
        ),
        (
            {
                "input_ids": pa.array([[1, 2]], pa.list_(pa.int32())),
                "attention_mask": pa.array([[1, 0]], pa.list_(pa.int8())),
                "labels": pa.array([[IGNORED, 2]], pa.list_(pa.int32())),
            },
            "data/train-00000.parquet has rows whose attention_mask is not 1 throughout",
        ),
    ],
)
def test_shards_of_another_shape(tmp_path: Path, table: dict[str, Any], expected: str):
    write_artefact(tmp_path, [ROWS])
    pq.write_table(pa.table(table), tmp_path / "data/train-00000.parquet", store_schema=False)
    rewrite_manifest(tmp_path)
    files, trainer = verify(tmp_path, ["transformers"])
    assert files.differences == (expected,)
    assert trainer.skipped == "the artefact cannot be loaded"


def test_a_row_group_without_rows(tmp_path: Path):
    write_artefact(tmp_path, [ROWS, []])
    path = tmp_path / "data/train-00001.parquet"
    pq.write_table(pq.read_table(path), path)
    rewrite_manifest(tmp_path)
    assert differences(tmp_path) == ["data/train-00001.parquet has a row group without rows, which `datasets` cannot load"]


def test_a_shard_that_is_no_parquet(artefact: Path):
    (artefact / "data/train-00001.parquet").write_text("x")
    assert differences(artefact)[1].startswith("data/train-00001.parquet is not readable Parquet: ")


def test_a_missing_card(artefact: Path):
    (artefact / "README.md").unlink()
    files, trainer = verify(artefact, ["transformers"])
    assert files.differences == ("README.md is missing, whose header tells `load_dataset` which files are data",)
    assert trainer.skipped == "the artefact cannot be loaded"


def test_no_artefact(tmp_path: Path):
    with pytest.raises(StoreError, match=r"is no finished artefact: manifest\.json is missing"):
        verify(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(StoreError, match=r"manifest\.json is not JSON"):
        verify(tmp_path)
    for other in ("{}", "[]"):
        (tmp_path / "manifest.json").write_text(other)
        with pytest.raises(
            StoreError, match=r"is not the manifest of an artefact: it must have files, labels_sha256, max_length"
        ):
            verify(tmp_path)


def test_no_rows(tmp_path: Path):
    write_artefact(tmp_path, [[]])
    with pytest.raises(DataError, match="the artefact has no rows"):
        verify(tmp_path, ["transformers"])


# ------------------------------------------------------------------------------------------------------- faulty trainers


@pytest.mark.parametrize("trainer", ["trl", "trl-packed"])
def test_a_recipe_that_cuts_rows(artefact: Path, trainer: str):
    edit_recipe(artefact, "max_length", 40)
    _, report = verify(artefact, [trainer])
    assert report.difference_count == sum(len(ids) > 40 for ids, _ in ROWS)
    longer = {(len(ids), sum(label != IGNORED for label in labels[40:])) for ids, labels in ROWS if len(ids) > 40}
    for line in report.differences:
        where, _, what = line.partition(": ")
        assert where.startswith("data/train-0000")
        assert what in {f"cut from {n} to 40 tokens, which loses {lost} trained labels" for n, lost in longer}
    assert report.trained_tokens == sum(label != IGNORED for _, labels in ROWS for label in labels[:40])


def test_a_recipe_that_leaves_rows_out(tmp_path: Path):
    write_artefact(tmp_path, [ROWS[:9]])
    edit_recipe(tmp_path, "dataloader_drop_last", True)
    _, report = verify(tmp_path, ["trl"])
    assert report.difference_count == 1
    assert report.differences[0].endswith(": the row is not trained at all")


def test_a_recipe_that_is_missing(artefact: Path):
    (artefact / "recipes/trl.yaml").unlink()
    with pytest.raises(StoreError, match=r"trl\.yaml is missing, so it is unknown how TRL would train this artefact"):
        verify(artefact, ["trl"])


def test_a_recipe_without_a_limit_can_be_packed(artefact: Path):
    edit_recipe(artefact, "max_length", None)
    assert differences(artefact, "trl-packed") == []


def test_a_collator_that_overwrites_labels(artefact: Path, monkeypatch: pytest.MonkeyPatch):
    import transformers

    def overwriting(tokenizer: Any) -> Any:
        collate = transformers.DataCollatorForLanguageModeling(tokenizer, mlm=False)
        return lambda rows: collate([{"input_ids": row["input_ids"]} for row in rows])

    monkeypatch.setattr(transformers, "DataCollatorForSeq2Seq", overwriting)
    _, report = verify(artefact, ["transformers"])
    assert report.difference_count == 40
    assert "labels differ, at position " in report.differences[0]
    assert "(masked -> " in report.differences[0]


def spoil_loss(monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
    from trl.trainer.sft_trainer import SFTTrainer

    compute = SFTTrainer.compute_loss

    def spoiled(self: Any, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        return compute(self, model, change(inputs), *args, **kwargs)

    monkeypatch.setattr(SFTTrainer, "compute_loss", spoiled)


def test_a_loss_that_skips_one_label(artefact: Path, monkeypatch: pytest.MonkeyPatch):
    def skip(inputs: dict[str, Any]) -> dict[str, Any]:
        labels = inputs["labels"].clone()
        row, at = (labels != IGNORED).nonzero()[0].tolist()
        labels[row, at] = IGNORED
        return {**inputs, "labels": labels}

    spoil_loss(monkeypatch, skip)
    _, report = verify(artefact, ["trl"])
    assert report.difference_count == 1
    assert report.differences == (
        f"the loss of a step is {report.loss:.6f}, but the cross-entropy over its labels is {report.expected_loss:.6f}",
    )


def test_packed_rows_that_see_each_other(artefact: Path, monkeypatch: pytest.MonkeyPatch):
    import torch

    spoil_loss(monkeypatch, lambda inputs: {**inputs, "attention_mask": torch.ones_like(inputs["input_ids"])})
    told = differences(artefact, "trl-packed")
    assert len(told) == 1
    assert told[0].startswith("the loss of a step is ")


# ----------------------------------------------------------------------------------------------------- what is installed


def test_missing_trainers_are_named(artefact: Path, monkeypatch: pytest.MonkeyPatch):
    for library in ("trl", "transformers"):
        monkeypatch.setitem(sys.modules, library, None)
    reports = verify(artefact)
    assert [report.skipped for report in reports] == [
        None,
        "verifying TRL's SFTTrainer needs trl, which is not installed: pip install 'codeblock-sft[train]'",
        "verifying TRL's SFTTrainer with packing needs trl, which is not installed: pip install 'codeblock-sft[train]'",
        "verifying the plain Trainer of transformers needs transformers, which is not installed: "
        "pip install 'codeblock-sft[train]'",
    ]
    with pytest.raises(MissingExtraError, match="verifying TRL's SFTTrainer needs trl"):
        verify(artefact, ["trl"])


def test_an_unknown_trainer(artefact: Path):
    with pytest.raises(UsageError) as error:
        verify(artefact, ["trl-paked"])
    assert str(error.value) == "unknown trainer 'trl-paked'; did you mean 'trl-packed'? (known: trl, trl-packed, transformers)"


# ----------------------------------------------------------------------------------------------------------- command line


def run(*arguments: str) -> Any:
    from codeblock.cli.verify import verify as command

    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, arguments)


def test_the_command_passes_a_sound_artefact(artefact: Path):
    result = run(str(artefact), "--trainer", "transformers")
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines() if line.split()]
    assert lines[2][:2] == ["artefact", "40"]
    assert lines[3][:2] == ["transformers", "40"]
    assert lines[2][-1] == lines[3][-1] == "same"


def test_the_command_fails_on_a_difference(artefact: Path):
    (artefact / "annotations/train-00001.parquet").unlink()
    result = run(str(artefact), "--trainer", "transformers", "--json")
    assert result.exit_code == 1
    files, trainer = json.loads(result.stdout)
    assert files["differences"] == ["annotations/train-00001.parquet is missing"]
    assert trainer["difference_count"] == 0
    assert result.stderr.splitlines()[-1] == "artefact: annotations/train-00001.parquet is missing"


def edit_recipe(directory: Path, key: str, value: Any) -> None:
    path = directory / "recipes/trl.yaml"
    lines = [line for line in path.read_text().splitlines() if not line.startswith(f"{key}:")]
    path.write_text("\n".join([*lines, f"{key}: {json.dumps(value)}"]))

"""``codeblock train`` from a selection to a trained model, and everything that is found wrong before the first step."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from codeblock.config import build_train_recipe
from codeblock.errors import UsageError
from codeblock.train.rows import load_rows
from tests.engine.test_pipeline import codeblock, rows, write

FAST = ("--batch-size", 4, "--accumulation", 1, "--max-steps", 4, "--learning-rate", 0.01, "--dtype", "float32")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    root = tmp_path_factory.mktemp("train")
    data = write(root / "pairs.jsonl", list(rows(12)))
    codeblock("select", data, "--model", tiny_model, "--out", root / "run", "--workers", 1, "--shard-rows", 5)
    return root / "run"


def log(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def losses(out: Path) -> list[float]:
    return [entry["loss"] for entry in log(out) if "loss" in entry]


def test_a_model_is_trained_saved_and_described(run: Path, tiny_model: Path, tmp_path: Path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out = tmp_path / "model"
    shown = codeblock("train", run, "--model", tiny_model, "--out", out, *FAST)
    report = json.loads((out / "training.json").read_text())
    result = report["result"]
    assert result["loss_after"] < result["loss_before"]
    assert [len(losses(out)), result["steps"], result["rows"], result["dropped"]] == [4, 4, 12, {}]
    assert f"loss before        {result['loss_before']:.4f}" in " ".join(shown.split("\n"))
    entry = next(entry for entry in log(out) if "loss" in entry)
    assert {"step", "loss", "learning_rate", "supervised_tokens_per_second", "processed_tokens_per_second"} <= entry.keys()
    assert {p.name for p in out.rglob("*model*") if p.is_file()} == {"model.safetensors"}
    AutoModelForCausalLM.from_pretrained(out)
    AutoTokenizer.from_pretrained(out)
    card = (out / "README.md").read_text()
    manifest = json.loads((run / "manifest.json").read_text())
    for fact in (
        manifest["labels_sha256"],
        "all weights",
        "budget 0.4",
        f"{manifest['supervised_ratio']:.2%}",
        "| gradients | exact |",
    ):
        assert fact in card
    assert str(tiny_model) not in card  # a path of one machine says nothing elsewhere
    resolved = yaml.safe_load((out / "train.yaml").read_text())
    assert resolved["train"]["learning_rate"] == 0.01
    assert build_train_recipe(resolved).model_dump(mode="json") == report["recipe"]
    # the same command again has nothing to do, and another one must not replace it
    stamp = (out / "model.safetensors").stat().st_mtime_ns
    codeblock("train", run, "--model", tiny_model, "--out", out, *FAST)
    codeblock("run", out / "train.yaml")
    assert (out / "model.safetensors").stat().st_mtime_ns == stamp
    error = codeblock("train", run, "--model", tiny_model, "--out", out, *FAST, "--seed", 1, code=2)
    assert f"{out} holds another training run (it differs in train.seed): choose another --out, or --overwrite" in error
    codeblock("train", run, "--model", tiny_model, "--out", out, *FAST, "--seed", 1, "--overwrite")
    assert json.loads((out / "training.json").read_text())["recipe"]["train"]["seed"] == 1


def test_a_killed_run_goes_on_as_if_nothing_had_been(run: Path, tiny_model: Path, tmp_path: Path):
    from unittest import mock

    from codeblock.train.trainer import SparseTrainer

    command = ("train", run, "--model", tiny_model, *FAST, "--save-steps", 2)
    codeblock(*command, "--out", tmp_path / "whole")
    step, steps = SparseTrainer.training_step, []

    def killed(self: Any, *args: Any) -> Any:
        steps.append(self.state.global_step)
        if len(steps) > 3:
            raise KeyboardInterrupt
        return step(self, *args)

    with mock.patch.object(SparseTrainer, "training_step", killed):
        codeblock(*command, "--out", tmp_path / "killed", code=130)
    assert json.loads((tmp_path / "killed/training.json").read_text())["result"] is None
    codeblock(*command, "--out", tmp_path / "killed")
    assert losses(tmp_path / "killed") == losses(tmp_path / "whole")
    assert (tmp_path / "killed/model.safetensors").read_bytes() == (tmp_path / "whole/model.safetensors").read_bytes()
    one, other = (json.loads((tmp_path / name / "training.json").read_text())["result"] for name in ("whole", "killed"))
    assert (one["loss_before"], one["loss_after"]) == (other["loss_before"], other["loss_after"])


def test_lora_by_preset_and_recipe(run: Path, tiny_model: Path, tmp_path: Path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump({"data": str(run), "model": str(tiny_model), "train": {"max_steps": 2, "lora_rank": 4}}))
    out = tmp_path / "adapter"
    codeblock("train", "--recipe", recipe, "--preset", "paper", "--out", out, "--dtype", "float32", "--batch-size", 4)
    resolved = yaml.safe_load((out / "train.yaml").read_text())["train"]
    assert resolved["lora_rank"] == 4  # the recipe wins over the preset
    assert resolved["dtype"] == "float32"  # a flag over both
    assert [resolved[name] for name in ("tuning", "lora_dropout", "learning_rate", "max_length")] == ["lora", 0.1, 1e-4, 2048]
    assert (out / "adapter_model.safetensors").exists()
    assert "LoRA, rank 4, alpha 16, on all-linear" in (out / "README.md").read_text()


def test_a_live_window_is_said_to_be_an_approximation(run: Path, tiny_model: Path, tmp_path: Path):
    codeblock("train", run, "--model", tiny_model, "--out", tmp_path / "out", *FAST, "--live-window", 8, "--eval-rows", 0)
    card = (tmp_path / "out/README.md").read_text()
    assert "| gradients | approximate, with a live window of 8 tokens |" in card
    assert "not measured" in card


def test_weights_by_priority(run: Path, tiny_model: Path, tmp_path: Path):
    manifest = json.loads((run / "manifest.json").read_text())
    files = [name for name in manifest["files"] if name.startswith("data/")]
    made = load_rows(run, files, max_length=None, by_priority=True)
    supervised = made.labels != -100
    assert made.weights is not None
    notes = [note for path in sorted((run / "annotations").glob("*")) for note in _notes(path)]
    # by the words of the definition: the item that holds the token's first byte that is no space
    wanted = [_priority(note, n) for note in notes for n, chosen in enumerate(note["supervised"]) if chosen]
    known = [p for p in wanted if p is not None]
    mean = sum(known) / len(known)
    expected = [1.0 if p is None else p / mean for p in wanted]
    ends = sum(note["end_of_turn"] for note in notes)
    assert sorted(made.weights[supervised].tolist()) == pytest.approx(sorted([*expected, *[1.0] * ends]), rel=1e-5)
    codeblock("train", run, "--model", tiny_model, "--out", tmp_path / "out", *FAST, "--weights", "priority")
    assert "| weights of tokens | priority |" in (tmp_path / "out/README.md").read_text()


def _notes(path: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    number = path.stem.split("-")[1]
    samples = pq.read_table(path.parents[1] / f"stages/samples/part-{number}.parquet").to_pylist()
    notes = pq.read_table(path).to_pylist()
    kept = [note | {"messages": s["messages"]} for note, s in zip(notes, samples, strict=True) if note["reason"] is None]
    return kept


def _priority(note: dict[str, Any], token: int) -> float | None:
    text = next(m["content"] for m in note["messages"] if m["role"] == "assistant").encode()
    start, end = note["start"][token], note["end"][token]
    first = next((b for b in range(start, end) if not text[b : b + 1].isspace()), start)
    for item in note["items"]:
        if any(span["start"] <= first < span["end"] for span in item["spans"]):
            return None if item["kind"] in ("comment", "docstring", "error") else item["priority"]
    return None


def test_cut_rows_are_counted(run: Path, tiny_model: Path, tmp_path: Path):
    shown = codeblock("train", run, "--model", tiny_model, "--out", tmp_path / "out", *FAST, "--max-length", 100)
    result = json.loads((tmp_path / "out/training.json").read_text())["result"]
    assert result["cut"] > 0
    assert f"{result['cut']} of them cut" in shown
    error = codeblock("train", run, "--model", tiny_model, "--out", tmp_path / "none", *FAST, "--max-length", 3, code=1)
    assert f"{run} has no row to train on: 12 no_supervised_token_within_max_length" in error.replace("\n", "")


@pytest.fixture
def copied(run: Path, tmp_path: Path) -> Path:
    shutil.copytree(run, tmp_path / "run")
    return tmp_path / "run"


def test_faults_of_the_artefact(copied: Path, tiny_model: Path, tmp_path: Path):
    command = ("train", copied, "--model", tiny_model, "--out", tmp_path / "out", *FAST)
    shard = copied / "data/train-00001.parquet"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-1] + b"x")
    assert f"{copied} is damaged (" in codeblock(*command, code=1)
    shard.unlink()
    assert "data/train-00001.parquet is missing; `codeblock verify` shows more" in codeblock(*command, code=1)
    shutil.rmtree(copied)
    assert "is no finished artefact: manifest.json is missing" in codeblock(*command, code=1)
    assert not (tmp_path / "out").exists()


def test_another_tokenizer_or_template_is_refused(run: Path, tiny_model: Path, tmp_path: Path):
    other = shutil.copytree(tiny_model, tmp_path / "other")
    template = other / "chat_template.jinja"
    text = template.read_text()
    template.write_text(text + " ")
    command = ("train", run, "--model", other, "--out", tmp_path / "out", *FAST)
    error = codeblock(*command, code=1)
    assert f"the chat template of '{other}' is not the one that made {run} (sha256 " in error
    codeblock(*command, "--no-check-tokenizer")
    template.write_text(text)
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["a"], vocabulary["b"] = vocabulary["b"], vocabulary["a"]
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert f"the tokenizer of '{other}' is not the one that made" in codeblock(*command[: -len(FAST)], code=1)


def test_faults_of_the_call(run: Path, tiny_model: Path, tmp_path: Path):
    command = ("train", run, "--model", tiny_model, "--out", tmp_path / "out")
    assert "unknown preset 'papr'; did you mean 'paper'? (known: paper, quick)" in codeblock(*command, "--preset", "papr", code=2)
    with pytest.raises(UsageError, match=r"unknown setting 'train\.learning_rat'; did you mean 'learning_rate'"):
        build_train_recipe({"data": "a", "out": "b", "train": {"learning_rat": 1}})
    assert "missing setting 'out'" in codeblock("train", run, code=2)
    bad = codeblock(*command, *FAST, "--tuning", "lora", "--lora-targets", "nonsense", code=2)
    assert "lora_targets 'nonsense' do not fit LlamaForCausalLM" in bad
    assert "transformers refuses these settings" in codeblock(*command[:-1], tmp_path / "x", "--schedule", "nonsense", code=2)
    absent = codeblock(*command[:-1], tmp_path / "y", *FAST, "--report-to", "comet_ml", code=2)
    assert "cannot report to 'comet_ml': CometCallback requires comet-ml" in absent.replace("\n", " ")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/letter.txt").write_text("dear")
    assert "holds other files (letter.txt, ...): choose another --out" in codeblock(*command[:-1], tmp_path / "full", code=2)


def test_a_context_that_is_too_short(run: Path, tmp_path: Path):
    from tests.conftest import build_tiny_model

    small = build_tiny_model(tmp_path / "small", context=64)
    error = codeblock("train", run, "--model", small, "--out", tmp_path / "out", "--no-check-tokenizer", *FAST, code=1)
    assert "has a context of 64: cut rows with --max-length 64" in error


@pytest.mark.slow
def test_the_command_in_two_processes(run: Path, tiny_model: Path, tmp_path: Path):
    import os
    import subprocess
    import sys

    options = ["--max-steps", 4, "--dtype", "float32", "--learning-rate", 0.01, "--accumulation", 1]
    command = ["train", run, "--model", tiny_model, *options]
    codeblock(*command, "--batch-size", 4, "--out", tmp_path / "one")
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--standalone", "-m", "codeblock"]
    arguments = [*command, "--batch-size", 2, "--out", tmp_path / "two"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([*launch, *map(str, arguments)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-5)
    one, two = (json.loads((tmp_path / name / "training.json").read_text())["result"] for name in ("one", "two"))
    assert two["loss_after"] == pytest.approx(one["loss_after"], rel=1e-5)
    assert done.stderr.count("written to") == 1

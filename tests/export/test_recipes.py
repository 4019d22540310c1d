"""Recipes say what they must, whatever the model is called, and really train."""

from __future__ import annotations

import ast
import json
import math
import runpy
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from codeblock.export.recipes import RECIPES, render_recipes
from tests.export.artefact import random_rows, write_artefact, write_model

NAMES = ["org/model", "./models/a b", "no", "C:\\models\\x", 'it\'s "quoted": # yes', "模型/代码"]


def test_every_recipe_is_written():
    texts = render_recipes({"model": "org/model", "max_length": 77})
    assert list(texts) == [f"recipes/{name}" for name in RECIPES] == [
        f"recipes/{name}"
        for name in (
            "trl.yaml", "trainer.py", "axolotl.yaml", "llamafactory.yaml", "unsloth_lora.py", "automodel.py", "accelerate.yaml",
            "accelerate_fsdp2.yaml", "accelerate_deepspeed.yaml",
        )
    ]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_trl_recipe(name: str):
    recipe = yaml.safe_load(render_recipes({"model": name, "max_length": 3001})["recipes/trl.yaml"])
    assert recipe["model_name_or_path"] == name
    assert recipe["max_length"] == 3001
    assert recipe["learning_rate"] == 1e-5  # YAML reads 1e-5 as text


@pytest.mark.parametrize("name", NAMES)
def test_the_trainer_recipe_is_python_with_the_model_as_default(name: str):
    tree = ast.parse(render_recipes({"model": name, "max_length": 77})["recipes/trainer.py"])
    assert name in {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}


@pytest.mark.parametrize("name", NAMES)
def test_other_recipes_name_the_model_and_the_longest_row(name: str):
    texts = render_recipes({"model": name, "max_length": 3001})
    axolotl, factory = (yaml.safe_load(texts[f"recipes/{recipe}.yaml"]) for recipe in ("axolotl", "llamafactory"))
    assert [axolotl["base_model"], axolotl["sequence_len"], axolotl["datasets"][0]["type"]] == [name, 3001, None]
    assert [factory["model_name_or_path"], factory["cutoff_len"], factory["tokenized_path"]] == [name, 3001, "arrow"]
    constants = {node.value for node in ast.walk(ast.parse(texts["recipes/unsloth_lora.py"])) if isinstance(node, ast.Constant)}
    assert {name, 3001} <= constants
    ast.parse(texts["recipes/automodel.py"])
    for recipe in ("accelerate", "accelerate_fsdp2", "accelerate_deepspeed"):
        assert yaml.safe_load(texts[f"recipes/{recipe}.yaml"])["num_processes"] == 8


@pytest.mark.parametrize("name", ["accelerate", "accelerate_fsdp2", "accelerate_deepspeed"])
def test_accelerate_reads_its_configurations(name: str, tmp_path: Path):
    from accelerate.commands.config.config_args import load_config_from_file

    path = tmp_path / "config.yaml"
    path.write_text(render_recipes({"model": "m", "max_length": 1})[f"recipes/{name}.yaml"])
    config = load_config_from_file(str(path))
    assert config.distributed_type.value in ("MULTI_GPU", "FSDP", "DEEPSPEED")


def test_the_automodel_recipe_shifts_labels(artefact: Path):
    rows = runpy.run_path(str(artefact / "recipes/automodel.py"))["rows"]()
    first = random_rows(40)[0]
    assert rows[0]["input_ids"] == first[0]
    assert rows[0]["labels"] == [*first[1][1:], -100]


def test_a_gguf_model_must_be_replaced():
    texts = render_recipes({"model": "dir/tiny.Q8_0.gguf", "max_length": 77})
    assert "model_name_or_path" not in yaml.safe_load(texts["recipes/trl.yaml"])
    assert "# model_name_or_path: full weights, as GGUF cannot be trained; the scores are of dir/tiny.Q8_0.gguf" in (
        texts["recipes/trl.yaml"].splitlines()
    )
    assert 'parser.add_argument("--model", required=True, help=' in texts["recipes/trainer.py"]


@pytest.fixture
def artefact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An artefact, the model it was scored with, and a working directory elsewhere."""
    model = tmp_path / "model"
    write_model(model)
    write_artefact(tmp_path / "out", [random_rows(40)], model=str(model))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    return tmp_path / "out"


QUICK = ["--max_steps", "2", "--logging_steps", "1", "--use_cpu", "true", "--bf16", "false", "--report_to", "none"]


def losses(trained: Path) -> list[float]:
    state = json.loads((trained / "checkpoint-2/trainer_state.json").read_text())
    return [entry["loss"] for entry in state["log_history"] if "loss" in entry]


def check_trained(trained: Path) -> None:
    assert (trained / "model.safetensors").exists()
    found = losses(trained)
    assert len(found) == 2
    assert all(loss == pytest.approx(math.log(600), rel=0.05) for loss in found)  # of a random model over 600 tokens


def test_the_trainer_recipe_trains(artefact: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "argv", ["trainer.py", *QUICK])
    runpy.run_path(str(artefact / "recipes/trainer.py"), run_name="__main__")
    check_trained(Path("trained"))


def test_the_trl_recipe_trains(artefact: Path, monkeypatch: pytest.MonkeyPatch):
    from trl.scripts.sft import main, make_parser

    monkeypatch.setattr(
        sys, "argv", ["trl sft", "--config", str(artefact / "recipes/trl.yaml"), "--dataset_name", str(artefact), *QUICK]
    )
    main(*make_parser().parse_args_and_config())
    check_trained(Path("trained"))


@pytest.mark.slow
def test_the_trl_command_trains_from_the_artefact_itself(artefact: Path, monkeypatch: pytest.MonkeyPatch):
    import subprocess

    command = shutil.which("trl", path=str(Path(sys.executable).parent))
    assert command is not None
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(artefact.parent / "cache"))
    arguments = ["sft", "--config", "recipes/trl.yaml", "--dataset_name", str(artefact), *QUICK]
    subprocess.run([command, *arguments], cwd=artefact, check=True, capture_output=True)
    check_trained(artefact / "trained")

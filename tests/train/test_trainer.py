"""SparseTrainer beside the plain Trainer: the same losses, whatever the batches, the restarts and the processes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Trainer, TrainingArguments

from codeblock.config import SavingsSettings
from codeblock.errors import ModelError, UsageError
from codeblock.train.trainer import SparseTrainer
from tests.train.test_sparse import build, lora, rows

ROOT = Path(__file__).parents[2]


def arguments(out: Path, **changes: Any) -> TrainingArguments:
    options = {
        "per_device_train_batch_size": 4,
        "report_to": "none",
        "use_cpu": True,
        "save_strategy": "no",
        "logging_steps": 1,
        "learning_rate": 1e-3,
        "disable_tqdm": True,
        "max_steps": 6,
    }
    return TrainingArguments(str(out), **(options | changes))


def losses(trainer: Any) -> list[float]:
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def train(out: Path, model: Any = None, resume: str | None = None, savings: Any = None, data: Any = None, **changes: Any) -> Any:
    model = build("llama") if model is None else model
    trainer = SparseTrainer(model, arguments(out, **changes), savings=savings, train_dataset=data or rows(count=21))
    trainer.train(resume_from_checkpoint=resume)
    return trainer


def padded(features: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    longest = max(len(f["input_ids"]) for f in features)
    fill = {"input_ids": 0, "labels": -100, "attention_mask": 0}
    made = [f | {"attention_mask": [1] * len(f["input_ids"])} for f in features]
    return {k: torch.tensor([f[k] + [v] * (longest - len(f[k])) for f in made]) for k, v in fill.items()}


@pytest.mark.parametrize("adapted", [False, True])
def test_the_curve_is_that_of_the_plain_trainer(adapted: bool, tmp_path: Path):
    """Three micro-batches per step, the last step of an epoch with fewer and the last micro-batch with one row."""
    options: dict[str, Any] = {"gradient_accumulation_steps": 3, "max_steps": 8}
    plain_model, sparse_model = (lora(build("qwen2")) if adapted else build("qwen2") for _ in range(2))
    sparse_model.load_state_dict(plain_model.state_dict())
    plain = Trainer(plain_model, arguments(tmp_path, **options), data_collator=padded, train_dataset=rows(count=21))
    plain.train()
    assert losses(train(tmp_path, sparse_model, **options)) == pytest.approx(losses(plain), rel=1e-5)
    for (name, one), other in zip(plain_model.named_parameters(), sparse_model.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-5), name


def test_micro_batches_do_not_matter(tmp_path: Path):
    runs = [
        losses(train(tmp_path, per_device_train_batch_size=size, gradient_accumulation_steps=steps))
        for size, steps in ((8, 1), (1, 8), (4, 2))
    ]
    assert runs[1] == pytest.approx(runs[0], rel=1e-6)
    assert runs[2] == pytest.approx(runs[0], rel=1e-6)


def test_weights_count_in_the_mean(tmp_path: Path):
    random = torch.Generator().manual_seed(1)
    data = [row | {"weights": torch.rand(len(row["labels"]), generator=random).tolist()} for row in rows(count=21)]
    doubled = [row | {"weights": [2 * w for w in row["weights"]]} for row in data]
    once = losses(train(tmp_path, data=data))
    assert losses(train(tmp_path, data=doubled)) == pytest.approx(once, rel=1e-6)
    assert losses(train(tmp_path)) != pytest.approx(once, rel=1e-2)


def test_a_resumed_run_is_an_uninterrupted_one(tmp_path: Path):
    options: dict[str, Any] = {"save_strategy": "steps", "save_steps": 2, "gradient_accumulation_steps": 2, "max_steps": 7}
    whole = train(tmp_path / "whole", lora(build("llama")), **options)
    for stale in ("checkpoint-6", "checkpoint-7"):
        assert (tmp_path / "whole" / stale).is_dir()
    resumed = train(tmp_path / "whole", lora(build("llama")), resume=str(tmp_path / "whole/checkpoint-4"), **options)
    assert losses(resumed) == losses(whole)
    for one, other in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(one, other)
    weights = {p.name for p in tmp_path.rglob("*model*") if p.is_file()}
    assert weights == {"adapter_model.safetensors"}


def test_evaluation_is_a_mean_over_tokens(tmp_path: Path):
    trainer = SparseTrainer(build("llama"), arguments(tmp_path, per_device_eval_batch_size=2))
    one = SparseTrainer(build("llama"), arguments(tmp_path, per_device_eval_batch_size=8))
    assert trainer.evaluate(rows())["eval_loss"] == pytest.approx(one.evaluate(rows())["eval_loss"], rel=1e-6)
    assert trainer.model.config._attn_implementation != "codeblock_sparse"


def test_it_logs_rates_and_saves_no_attention_of_ours(tmp_path: Path):
    trainer = train(tmp_path)
    entry = trainer.state.log_history[0]
    assert 0 < entry["supervised_tokens_per_second"] < entry["processed_tokens_per_second"]
    trainer.save_model(str(tmp_path / "saved"))
    assert "codeblock" not in (tmp_path / "saved/config.json").read_text()
    assert (tmp_path / "saved/model.safetensors").exists()


def test_a_loss_that_is_no_number_stops_before_the_step(tmp_path: Path):
    model = build("llama")
    trainer = SparseTrainer(model, arguments(tmp_path), train_dataset=rows())
    with torch.no_grad():
        model.lm_head.weight[5, 5] = float("nan")
    before = model.model.embed_tokens.weight.clone()
    with pytest.raises(ModelError, match=r"the loss of step 1 is nan: lower the learning rate, check the weights of the model"):
        trainer.train()
    assert torch.equal(model.model.embed_tokens.weight, before)
    with pytest.raises(ModelError, match="the loss of LlamaForCausalLM is nan before any training: its weights are damaged"):
        SparseTrainer(model, arguments(tmp_path))


def test_what_contradicts_it_is_refused(tmp_path: Path):
    with pytest.raises(
        UsageError, match="SparseTrainer makes its own batches and loss of one given model: leave out data_collator"
    ):
        SparseTrainer(build("llama"), arguments(tmp_path), data_collator=padded)
    with pytest.raises(UsageError, match="SparseTrainer has no label smoothing: set label_smoothing_factor to 0"):
        SparseTrainer(build("llama"), arguments(tmp_path, label_smoothing_factor=0.1))
    with pytest.raises(ValueError, match="a row without any supervised token reached the trainer"):
        train(tmp_path, data=[{"input_ids": [1, 2], "labels": [-100, -100]}])


@pytest.mark.parametrize("window", [None, 0])
def test_gradient_checkpointing_keeps_the_curve(window: int | None, tmp_path: Path):
    savings = SavingsSettings(live_window=window)
    kwargs: dict[str, Any] = {"gradient_checkpointing": True, "gradient_checkpointing_kwargs": {"use_reentrant": False}}
    plain = losses(train(tmp_path, savings=savings))
    assert losses(train(tmp_path, savings=savings, **kwargs)) == pytest.approx(plain, rel=1e-6)


SCRIPT = """
import json, sys
from pathlib import Path
from tests.train.test_sparse import build, lora, rows
from tests.train.test_trainer import losses, train

out, adapted, options = Path(sys.argv[1]), sys.argv[2] == "lora", json.loads(sys.argv[3])
trainer = train(out, lora(build("llama")) if adapted else build("llama"), data=rows(count=24), max_steps=4, **options)
if trainer.is_world_process_zero():
    (out / "losses.json").write_text(json.dumps([losses(trainer), type(trainer.model_wrapped).__name__]))
"""


def in_two_processes(out: Path, adapted: bool, **options: Any) -> tuple[list[float], str]:
    script = out / "two.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--standalone"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    arguments = [str(script), str(out), "lora" if adapted else "full", json.dumps({"ddp_backend": "gloo", **options})]
    done = subprocess.run([*command, *arguments], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return tuple(json.loads((out / "losses.json").read_text()))


@pytest.mark.slow
@pytest.mark.parametrize("adapted", [False, True])
def test_two_processes_give_the_losses_of_one(adapted: bool, tmp_path: Path):
    """24 rows are three whole global batches; rows left over at the end of an epoch are filled up with others by accelerate."""
    model = lora(build("llama")) if adapted else build("llama")
    alone = losses(train(tmp_path, model, data=rows(count=24), gradient_accumulation_steps=2, max_steps=4))
    found, wrapper = in_two_processes(tmp_path, adapted, per_device_train_batch_size=2, gradient_accumulation_steps=2)
    assert wrapper == "DistributedDataParallel"
    assert found == pytest.approx(alone, rel=1e-6)

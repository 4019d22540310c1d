"""``codeblock train`` from end to end: an artefact and a model in, a trained model out.

Everything that can be wrong is found before the first step. A run that was interrupted goes on from its last checkpoint.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Callable
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from codeblock.config import TrainRecipe, TrainSettings
from codeblock.errors import DataError, ModelError, StoreError, UsageError
from codeblock.export.integrity import check_files, read_manifest
from codeblock.scoring.models import (
    ModelFiles,
    find_model,
    fingerprint_files,
    load_model,
    load_tokenizer,
    require,
    resolve_device,
    resolve_dtype,
)
from codeblock.scoring.rendering import Renderer
from codeblock.store import run_lock, write_bytes_atomic, write_json_atomic
from codeblock.train.card import model_card
from codeblock.train.rows import Rows, load_rows

RESULT = "training.json"

_log = logging.getLogger(__name__)


def train(
    recipe: TrainRecipe,
    report: Callable[[int, int, dict[str, float]], None] | None = None,
    *,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Train a model on an artefact.

    In several processes (``accelerate launch`` or ``torchrun``) each calls this with the same recipe.

    Args:
        recipe: of the run.
        report: called with the steps done, those in all and what was logged, in the first process.
        overwrite: replace another run's result.

    Returns:
        What ``training.json`` holds.

    Raises:
        UsageError: the directory holds another run's result, or a setting does not fit.
        StoreError: the artefact is unfinished or damaged.
        DataError: it has nothing to train on.
        ModelError: the model cannot be loaded or trained, is not the artefact's, or its loss is not a number.
        MissingExtraError: a library is not installed.
    """
    for library in ("torch", "transformers", "accelerate", *(["peft"] if recipe.train.tuning == "lora" else [])):
        require(library, "training", extra="train")
    data, out = Path(recipe.data), Path(recipe.out)
    manifest = read_manifest(data)
    files = find_model(recipe.model or manifest["model"])
    recipe = _resolve(recipe, files)
    settings = recipe.train
    _check_tokenizer(files, manifest, data, settings)
    _check_data(data, manifest)
    shards = [name for name in manifest["files"] if name.startswith("data/")]
    rows = load_rows(data, shards, max_length=settings.max_length, by_priority=settings.weights == "priority")
    if report is None:
        report = _nothing
    identity = {
        "recipe": recipe.model_dump(mode="json"),
        "artefact": {
            "select": manifest.get("config", {}).get("select"),
            **{name: manifest[name] for name in _COPIED},
        },
        "fingerprint": fingerprint_files(files),
    }
    main = int(os.environ.get("RANK", "0")) == 0
    with run_lock(out) if main else nullcontext():
        args = _arguments(settings, out)
        with args.main_process_first(desc="looking for an earlier run"):
            if main:
                _prepare(out, identity, overwrite)
            done = json.loads((out / RESULT).read_text())
        if done["result"] is not None:
            return done
        return _train(recipe, files, rows, args, identity, report, main)


_COPIED = (
    "rows",
    "supervised_tokens",
    "supervised_ratio",
    "supervised_ratio_pool",
    "response_tokens",
    "end_of_turn_rows",
    "labels_sha256",
)


def _resolve(recipe: TrainRecipe, files: ModelFiles) -> TrainRecipe:
    """The recipe with nothing left to chance, for this machine."""
    settings = recipe.train
    rate = settings.learning_rate or (1e-4 if settings.tuning == "lora" else 1e-5)
    dtype = resolve_dtype(settings.dtype, resolve_device(None))
    resolved = settings.model_copy(update={"learning_rate": rate, "dtype": dtype})
    return recipe.model_copy(update={"model": files.name, "train": resolved})


def _check_tokenizer(files: ModelFiles, manifest: dict[str, Any], data: Path, settings: TrainSettings) -> None:
    """Compare what turned text into the artefact's tokens with what the model would have."""
    if not settings.check_tokenizer:
        return
    mine = Renderer(load_tokenizer(files)).fingerprint()
    for name, what in (("tokenizer", "tokenizer"), ("chat_template", "chat template")):
        if manifest.get(name) != mine[name]:
            raise ModelError(
                f"the {what} of {files.name!r} is not the one that made {data} (sha256 {mine[name][:12]} in place of "
                f"{str(manifest.get(name))[:12]}, of {manifest['model']!r}): run `codeblock select` with this model, or, if "
                "you know that both give the same tokens, train with --no-check-tokenizer"
            )


def _check_data(data: Path, manifest: dict[str, Any]) -> None:
    found = check_files(data, manifest)
    if found.rows == 0 and not found.fault_count:
        raise DataError(f"{data} has no rows")
    if found.fault_count:
        raise StoreError(f"{data} is damaged ({found.fault_count:,} faults): {found.faults[0]}; `codeblock verify` shows more")


def _prepare(out: Path, identity: dict[str, Any], overwrite: bool) -> None:
    """Start a result, or find that the one which is there is ours."""
    path = out / RESULT
    if path.exists():
        there = json.loads(path.read_text())
        if all(there.get(key) == value for key, value in identity.items()):
            return
        if not overwrite:
            changes = ", ".join(_changes(there, identity))
            raise UsageError(
                f"{out} holds another training run (it differs in {changes}): choose another --out, or --overwrite it"
            )
        for child in out.iterdir():
            if child.name != ".lock":
                shutil.rmtree(child) if child.is_dir() else child.unlink()
    elif foreign := sorted(child.name for child in out.iterdir() if child.name != ".lock"):
        raise UsageError(f"{out} holds other files ({foreign[0]}, ...): choose another --out")
    write_bytes_atomic(out / "train.yaml", yaml.safe_dump(identity["recipe"], sort_keys=False, allow_unicode=True).encode())
    write_json_atomic(path, {**identity, "result": None})


def _changes(there: Any, here: Any, path: str = "") -> list[str]:
    """Names of the values that differ."""
    if isinstance(there, dict) and isinstance(here, dict):
        return [change for key in here for change in _changes(there.get(key), here[key], f"{path}.{key}" if path else key)]
    return [] if there == here else [path.removeprefix("recipe.")]


def _arguments(settings: TrainSettings, out: Path) -> Any:
    """The settings in the words of transformers."""
    import torch
    from transformers import TrainingArguments

    on_cpu = resolve_device(None) == "cpu"
    distributed = "WORLD_SIZE" in os.environ
    # named only where it is wanted: transformers deprecates the name, of which older ones know no other
    again: dict[str, Any] = {"gradient_checkpointing": True, "gradient_checkpointing_kwargs": {"use_reentrant": False}}
    if not settings.gradient_checkpointing:
        again = {}
    try:
        return TrainingArguments(
            output_dir=str(out / "checkpoints"),
            num_train_epochs=settings.epochs,
            max_steps=settings.max_steps or -1,
            per_device_train_batch_size=settings.batch_size,
            per_device_eval_batch_size=settings.batch_size,
            gradient_accumulation_steps=settings.accumulation,
            learning_rate=settings.learning_rate or 0.0,
            lr_scheduler_type=settings.schedule,
            warmup_steps=settings.warmup,
            weight_decay=settings.weight_decay,
            max_grad_norm=settings.max_grad_norm,
            bf16=settings.dtype == "bfloat16",
            **again,
            logging_steps=settings.log_steps,
            logging_nan_inf_filter=False,
            save_steps=settings.save_steps,
            save_total_limit=2,
            report_to=settings.report_to,
            seed=settings.seed,
            use_cpu=on_cpu,
            ddp_backend="gloo" if on_cpu and distributed else None,
            dataloader_pin_memory=torch.cuda.is_available(),
            disable_tqdm=True,
            ddp_find_unused_parameters=False,
            remove_unused_columns=False,
        )
    except (ValueError, ImportError) as error:
        raise UsageError(f"transformers refuses these settings: {error}") from None


def _load(files: ModelFiles, settings: TrainSettings, args: Any) -> tuple[Any, Any]:
    """The model, ready for training, and what it is."""
    from transformers import set_seed

    adapters = settings.tuning == "lora"
    # weights that are trained are float32, where small updates are not lost
    dtype = settings.dtype if adapters else "float32"
    model, info = load_model(files, dtype, "cpu")
    model.train()
    if not adapters:
        return model.requires_grad_(True), info
    from peft import LoraConfig, get_peft_model

    targets = settings.lora_targets
    set_seed(args.seed)
    config = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,  # pyright: ignore[reportArgumentType]
        lora_dropout=settings.lora_dropout,
        target_modules=targets if targets == "all-linear" else targets.split(","),
        task_type="CAUSAL_LM",
    )
    try:
        adapted = get_peft_model(model, config)
    except ValueError as error:
        raise UsageError(f"lora_targets {targets!r} do not fit {info.architecture}: {error}") from None
    if settings.gradient_checkpointing:
        adapted.enable_input_require_grads()
    return adapted, info


def _train(
    recipe: TrainRecipe,
    files: ModelFiles,
    rows: Rows,
    args: Any,
    identity: dict[str, Any],
    report: Callable[[int, int, dict[str, float]], None],
    main: bool,
) -> dict[str, Any]:
    """The run itself, from the last checkpoint if there is one."""
    from transformers import PrinterCallback
    from transformers.trainer_utils import get_last_checkpoint
    from transformers.utils import logging as bars

    from codeblock.train.log import JsonLines, Told
    from codeblock.train.trainer import SparseTrainer

    out, settings = Path(recipe.out), recipe.train
    bars.disable_progress_bar()
    model, info = _load(files, settings, args)
    vocabulary = model.get_input_embeddings().weight.shape[0]
    if (highest := int(rows.input_ids.max())) >= vocabulary:
        raise ModelError(f"{recipe.data} has the token id {highest}, but {files.name!r} knows only {vocabulary} tokens")
    longest = int((rows.end - rows.start).max())
    if info.context_length is not None and longest > info.context_length:
        raise ModelError(
            f"{recipe.data} has a row of {longest} tokens, but {files.name!r} has a context of {info.context_length}: "
            f"cut rows with --max-length {info.context_length}"
        )
    tokenizer = load_tokenizer(files)
    try:
        trainer = SparseTrainer(
            model,
            args,
            savings=recipe.savings,
            train_dataset=rows,
            processing_class=tokenizer,
            callbacks=[JsonLines(out / "log.jsonl"), Told(report)],
        )
    except (RuntimeError, ImportError) as error:  # what transformers raises where a service it reports to is not installed
        if settings.report_to == "none":
            raise
        raise UsageError(f"cannot report to {settings.report_to!r}: {error}") from None
    trainer.remove_callback(PrinterCallback)
    shown = [rows[n] for n in range(min(settings.eval_rows, len(rows)))]
    checkpoint = get_last_checkpoint(args.output_dir) if Path(args.output_dir).is_dir() else None
    if checkpoint is not None:
        _log.warning("resuming from %s", checkpoint)
    before = _measure(trainer, shown, out / "loss-before.json", main)
    started = time.monotonic()
    trainer.train(resume_from_checkpoint=checkpoint)
    seconds = time.monotonic() - started
    after = _measure(trainer, shown)
    trainer.save_model(str(out))
    finished = {
        **identity,
        "model": {"name": files.name, "architecture": info.architecture, "parameters": info.parameters},
        "savings_not_made": trainer.sparse.reasons,
        "versions": {library: version(library) for library in ("torch", "transformers", "accelerate")},
        "result": {
            "rows": len(rows),
            "dropped": rows.dropped,
            "cut": rows.cut,
            "steps": trainer.state.global_step,
            "rows_per_step": settings.batch_size * settings.accumulation * args.world_size,
            "eval_rows": len(shown),
            "loss_before": before,
            "loss_after": after,
            "seconds": round(seconds, 1),
        },
    }
    if main:
        tokenizer.save_pretrained(out)
        write_bytes_atomic(out / "README.md", model_card(finished).encode())
        write_json_atomic(out / RESULT, finished)
    return finished


def _measure(trainer: Any, rows: list[Any], path: Path | None = None, main: bool = False) -> float | None:
    """Mean loss over the supervised tokens of some rows.

    Args:
        trainer: of the model.
        rows: to be evaluated.
        path: where the result is kept, so that a resumed run knows the loss before its first step.
        main: whether this process writes it.
    """
    if not rows or trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:  # weights are spread only while training
        return None
    if path is not None and path.exists():
        return json.loads(path.read_text())
    loss = trainer.evaluate(rows)["eval_loss"]
    if loss != loss:
        raise ModelError(f"the loss is {loss} before the first step: check the weights of the model, or try --dtype float32")
    if path is not None and main:
        write_json_atomic(path, loss)
    return loss


def _nothing(step: int, steps: int, logs: dict[str, float]) -> None:
    """Report to nobody."""

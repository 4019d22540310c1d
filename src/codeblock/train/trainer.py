"""The Trainer of transformers with sparse steps. Importing this module needs torch and transformers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import torch
from transformers import Trainer, TrainingArguments

from codeblock.config import SavingsSettings
from codeblock.errors import ModelError, UsageError
from codeblock.train.sparse import sparsify


class SparseTrainer(Trainer):
    """A ``transformers.Trainer`` over rows with `input_ids` and `labels` that computes only what the supervised tokens need.

    The loss is the mean over the supervised tokens of the global batch, or their weighted mean where rows have `weights` (one
    number per token), whatever the size of micro-batches and the number of processes. Everything else is the Trainer's.

    Args:
        model: causal language model, or one of PEFT around it.
        args: of the Trainer.
        savings: what is left out; all exact savings when absent.
        options: of the Trainer, but no `data_collator` and no loss of one's own.

    Raises:
        UsageError: an option contradicts the sparse step.
        ModelError: the model cannot be trained sparsely.
    """

    def __init__(
        self, model: Any, args: TrainingArguments | None = None, *, savings: SavingsSettings | None = None, **options: Any
    ) -> None:
        for name in ("data_collator", "compute_loss_func", "model_init"):
            if options.get(name) is not None:
                raise UsageError(f"SparseTrainer makes its own batches and loss of one given model: leave out {name}")
        super().__init__(model=model, args=args, **options)
        if self.args.label_smoothing_factor:
            raise UsageError("SparseTrainer has no label smoothing: set label_smoothing_factor to 0")
        if self.args.n_gpu > 1:
            raise UsageError(
                f"{self.args.n_gpu} GPUs are visible to one process: start one process for each with `accelerate launch`, or "
                "choose one with CUDA_VISIBLE_DEVICES"
            )
        if self.is_deepspeed_enabled and getattr(self.accelerator.state.deepspeed_plugin, "zero_stage", 0) == 3:
            raise UsageError("SparseTrainer cannot be used with DeepSpeed's ZeRO-3: use ZeRO-2, or FSDP2")
        tokenizer = options.get("processing_class")
        pad = getattr(tokenizer, "pad_token_id", None)
        savings = SavingsSettings() if savings is None else savings  # pyright: ignore[reportCallIssue]
        self.sparse = sparsify(self.model, savings, 0 if pad is None else pad)
        self.data_collator = self.sparse.collator
        self.loss_is_scaled_for_ga = True
        self._tokens = torch.zeros(2, dtype=torch.int64, device=self.args.device)
        self._since = time.monotonic()

    def train(self, *args: Any, **options: Any) -> Any:
        """Train, as the Trainer does."""
        self._since = time.monotonic()
        with self.sparse.active():
            return super().train(*args, **options)

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: list[str] | None = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Return and log the mean loss over all supervised tokens of a dataset.

        With several processes, rows that fill up the last batches count twice, as they do in the Trainer.
        """
        loader = self.get_eval_dataloader(eval_dataset)
        model: Any = self.model_wrapped
        training = model.training
        model.eval()
        sums = torch.zeros(2, dtype=torch.float64, device=self.args.device)
        with torch.no_grad(), self.accelerator.autocast(), self.sparse.active():
            for batch in loader:
                inputs = self._prepare_inputs(batch)
                sums[0] += model(**inputs).loss
                sums[1] += inputs["weights"].sum()
        model.train(training)
        total, weight = self._sum(sums).tolist()
        metrics = {f"{metric_key_prefix}_loss": total / weight}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:
        """Compute loss and gradient of one micro-batch.

        Raises:
            ModelError: the loss is not a finite number; no optimiser step has been made with it.
        """
        self._tokens += inputs["tokens"].to(self._tokens.device)
        loss = super().training_step(model, inputs, num_items_in_batch)
        if not torch.isfinite(loss):
            step = self.state.global_step + 1
            raise ModelError(
                f"the loss of step {step} is {loss.item()}: lower the learning rate, check the weights of the model, or see with "
                "dtype float32 whether rounding is the cause"
            )
        return loss

    def compute_loss(
        self, model: Any, inputs: Mapping[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The micro-batch's part of the global mean loss, times the number of processes, over which DDP averages."""
        outputs = model(**inputs)
        total = inputs["weights"].sum() if num_items_in_batch is None else num_items_in_batch
        loss = outputs.loss / total * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log with the rate of supervised and of computed tokens, over all processes, since the last log of a loss."""
        if "loss" in logs:
            now = time.monotonic()
            supervised, processed = self._sum(self._tokens.clone()).tolist()
            seconds = max(now - self._since, 1e-9)
            logs |= {"supervised_tokens_per_second": supervised / seconds, "processed_tokens_per_second": processed / seconds}
            self._tokens.zero_()
            self._since = now
        super().log(logs, start_time)

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: torch.device) -> torch.Tensor | None:
        """Weight of the supervised tokens of all micro-batches of all processes."""
        total = torch.zeros((), device=device)
        for batch in batch_samples:
            total += batch["weights"].sum().to(device)
        return self._sum(total)

    def _sum(self, mine: torch.Tensor) -> Any:
        """The sum over all processes."""
        return self.accelerator.reduce(mine, "sum")

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = ["input_ids", "labels", "weights"]

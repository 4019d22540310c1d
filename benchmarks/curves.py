"""The loss curves of three trainings from the same seed: full-token, plain -100 labels, and SparseTrainer.

    python benchmarks/curves.py RUN MODEL [--steps N] [--batch N] [--dtype float32|bfloat16] [--rate R]

RUN is a result of `codeblock select`. All three see the same samples in the same order; the full-token one has a label for every
response token, so its loss is another mean. Seconds are processor time of the training steps, memory is the largest resident size
during training less the size before it.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # waiting threads would count as processor time

import torch
from transformers import Trainer, TrainingArguments

from codeblock.scoring.models import find_model, load_model
from codeblock.train.trainer import SparseTrainer
from train import select, status


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("run", type=Path)
    arguments.add_argument("model")
    arguments.add_argument("--steps", type=int, default=8)
    arguments.add_argument("--batch", type=int, default=2)
    arguments.add_argument("--budget", type=float, default=0.1)
    arguments.add_argument("--dtype", default="float32")
    arguments.add_argument("--rate", type=float, default=2e-5)
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)
    chosen, full = select(options.run, options.budget, 0.25), select(options.run, 1.0, 1.0, strategy="full")
    ids = sorted(set(chosen) & set(full))[: options.steps * options.batch]
    ways: dict[str, tuple[type[Trainer], list[Any]]] = {
        "full-token": (Trainer, [full[n] for n in ids]),
        "plain -100": (Trainer, [chosen[n] for n in ids]),
        "sparse": (SparseTrainer, [chosen[n] for n in ids]),
    }
    curves, costs = {}, {}
    for name, (kind, rows) in ways.items():
        model, _ = load_model(find_model(options.model), options.dtype, "cpu")
        with tempfile.TemporaryDirectory() as out:
            args = TrainingArguments(
                out, per_device_train_batch_size=options.batch, learning_rate=options.rate, logging_steps=1, seed=0,
                max_steps=options.steps, report_to="none", save_strategy="no", use_cpu=True, disable_tqdm=True,
                remove_unused_columns=False,
            )  # fmt: skip
            more = {} if kind is SparseTrainer else {"data_collator": padded}
            trainer = kind(model.train().requires_grad_(True), args, train_dataset=rows, **more)
            gc.collect()
            ctypes.CDLL("libc.so.6").malloc_trim(0)
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
            before, begin = status("VmRSS"), time.process_time()
            trainer.train()
            costs[name] = time.process_time() - begin, status("VmHWM") - before
        curves[name] = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
        del trainer, model
    print(
        f"{options.dtype}, {options.steps} steps of {options.batch} samples, budget {options.budget:g}, {options.threads} threads"
    )
    print(f"| step | {' | '.join(ways)} |\n|--:|{'--:|' * len(ways)}")
    for step, losses in enumerate(zip(*curves.values(), strict=True), 1):
        print(f"| {step} | {' | '.join(f'{loss:.6f}' for loss in losses)} |")
    print(f"| seconds | {' | '.join(f'{seconds:.0f}' for seconds, _ in costs.values())} |")
    print(f"| GB | {' | '.join(f'{memory:.2f}' for _, memory in costs.values())} |")
    apart = max(abs(a - b) / a for a, b in zip(curves["plain -100"], curves["sparse"], strict=True))
    print(f"\nlargest relative difference of plain and sparse: {apart:.1e}\n")
    print(plot(curves))


def padded(rows: list[Any]) -> dict[str, torch.Tensor]:
    longest = max(len(row["input_ids"]) for row in rows)
    fill = {"input_ids": 0, "labels": -100, "attention_mask": 0}
    return {k: torch.tensor([row[k] + [v] * (longest - len(row[k])) for row in rows]) for k, v in fill.items()}


def plot(curves: dict[str, list[float]], height: int = 12) -> str:
    """Curves in letters: f full-token, p plain, s sparse, * where plain and sparse fall together."""
    low, high = (edge(loss for losses in curves.values() for loss in losses) for edge in (min, max))
    lines = [[" "] * (4 * len(curves["sparse"])) for _ in range(height)]
    for name, losses in curves.items():
        for step, loss in enumerate(losses):
            line = lines[round((high - loss) / (high - low) * (height - 1))]
            line[4 * step] = "*" if name == "sparse" and line[4 * step] == "p" else name[0]
    scale = [f"{high - (high - low) * n / (height - 1):6.2f} |" for n in range(height)]
    return "\n".join(start + "".join(line).rstrip() for start, line in zip(scale, lines, strict=True))


if __name__ == "__main__":
    main()

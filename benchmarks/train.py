"""What a training step costs: sparse, against plain -100 labels, TRL's loss and full-token training of the same samples.

    python benchmarks/train.py RUN MODEL [--tuning full|lora] [--raw FILE] [--ratios R...] [--rounds N]
    python benchmarks/train.py --show FILE...       # the table of what was measured
    python benchmarks/train.py --predict            # the count of operations for larger models

RUN is a result of `codeblock select` by the same tokenizer. For every ratio its samples are selected again with that budget for
each sample; a round measures one batch of real samples, of which the share `eos` trains its end of turn too. All ways run in one
process, one after another in every cell; medians over the rounds count. Every measurement is a line of --raw, and what is there
already is not measured again.

    hf100        padded, labels -100, transformers' own forward pass and loss
    full         hf100 with a label for every response token
    full-sparse  the same labels in the sparse step
    trl          TRL's loss as on this machine: its head over all positions, in tiles
    trl-compact  TRL's loss as on a GPU: its head at supervised positions
    a, ab, abc, abcd  the savings: head, truncation, pruning, packing
    live64, detached  abcd with a live window of 64 or 0: approximate

Processor time, which on a machine with other work is steadier than wall time; weights and computation in bfloat16. Memory is the
largest resident size during the step less the size before it. The count of operations (`flops`) has matrix products and
attention.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # waiting threads would count as processor time

import numpy as np
import pyarrow.parquet as pq
import torch

from codeblock.config import SavingsSettings
from codeblock.engine.pipeline import reselect
from codeblock.scoring.models import find_model, load_model
from codeblock.train.sparse import sparsify

RATIOS = (0.02, 0.05, 0.1, 0.2, 0.4)
SHARES = (0.25, 0.0, 1.0)
SAVINGS = {
    "a": {"truncate": False, "prune": False, "pack": False},
    "ab": {"prune": False, "pack": False},
    "abc": {"pack": False},
    "abcd": {},
    "live64": {"live_window": 64},
    "detached": {"live_window": 0},
}
USUAL = 0.25
"""The share of samples with a supervised end of turn at which all ways are measured; at the others only abcd, as their cost
depends on it."""

Row = dict[str, Any]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("run", nargs="?", type=Path)
    arguments.add_argument("model", nargs="?")
    arguments.add_argument("--tuning", choices=("full", "lora"), default="full")
    arguments.add_argument("--raw", type=Path, default=Path("train.jsonl"))
    arguments.add_argument("--ratios", type=float, nargs="+", default=RATIOS)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--samples", type=int, default=4)
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments.add_argument("--show", type=Path, nargs="+")
    arguments.add_argument("--predict", action="store_true")
    options = arguments.parse_args()
    if options.predict:
        predict()
    elif options.show:
        for path in options.show:
            show([json.loads(line) for line in path.read_text().splitlines()])
    else:
        measure(options)


def measure(options: argparse.Namespace) -> None:
    torch.set_num_threads(options.threads)
    done = {key(json.loads(line)) for line in options.raw.read_text().splitlines()} if options.raw.exists() else set()
    labelled = {ratio: (select(options.run, ratio, 0.0), select(options.run, ratio, 1.0)) for ratio in options.ratios}
    full = select(options.run, 1.0, 1.0, strategy="full")
    ids = sorted(set(full).intersection(*(kept for pair in labelled.values() for kept in pair)))
    model = load(options.model, options.tuning)
    for round_ in range(options.rounds):
        batch = [ids[n] for n in np.random.default_rng(round_).choice(len(ids), options.samples, replace=False)]
        for ratio in options.ratios:
            for share in SHARES:
                ends = round(share * len(batch))
                rows = [labelled[ratio][n < ends][sample] for n, sample in enumerate(batch)]
                everything = [full[sample] for sample in batch]
                for name in ways(ratio) if share == USUAL else ("abcd",):
                    cell = {"model": options.model, "tuning": options.tuning, "ratio": ratio, "share": share}
                    entry = cell | {"way": name, "round": round_, "threads": options.threads}
                    if key(entry) in done:
                        continue
                    used = everything if name.startswith("full") else rows
                    entry |= step(model, name, used) | {
                        "lengths": [len(row["input_ids"]) for row in used],
                        "supervised": [np.flatnonzero(np.array(row["labels"]) != -100).tolist() for row in used],
                        "responses": sum(sum(x != -100 for x in row["labels"]) for row in everything),
                        "shape": shape(model),
                    }
                    with options.raw.open("a") as file:
                        file.write(json.dumps(entry) + "\n")
                    print(f"{ratio:.0%} {share} {name:12} {entry['seconds']:6.2f} s {entry['memory']:5.2f} GB", flush=True)


def ways(ratio: float) -> tuple[str, ...]:
    """Ways at the usual share; those whose cost does not depend on the ratio are measured at one, beside hf100."""
    steps = ("a", "ab", "abc") if ratio in (0.05, 0.2) else ()
    same = ("trl", "full", "full-sparse") if ratio == 0.05 else ()
    return ("hf100", "trl-compact", "abcd", "live64", "detached", *steps, *same)


def key(entry: Row) -> tuple[Any, ...]:
    return tuple(entry[name] for name in ("model", "tuning", "ratio", "share", "way", "round"))


def select(run: Path, ratio: float, eos: float, strategy: str = "codeblock") -> dict[str, Row]:
    """Rows by id, with that share of every response supervised."""
    with tempfile.TemporaryDirectory() as out:
        changes = {"budget": ratio, "scope": "sample", "eos_share": eos, "strategy": strategy}
        reselect(run, Path(out) / "run", changes, lambda _: nullcontext(lambda done, total: None))
        rows = [row for path in sorted(Path(out).glob("run/data/*")) for row in pq.read_table(path).to_pylist()]
        notes = [
            note
            for path in sorted(Path(out).glob("run/annotations/*"))
            for note in pq.read_table(path, columns=["id", "reason"]).to_pylist()
        ]
    return dict(zip((note["id"] for note in notes if note["reason"] is None), rows, strict=True))


def load(name: str, tuning: str) -> Any:
    model, _ = load_model(find_model(name), "bfloat16", "cpu")
    if tuning == "full":
        return model.train().requires_grad_(True)
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=64, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
    return get_peft_model(model.train(), config, autocast_adapter_dtype=False).to(torch.bfloat16)


def shape(model: Any) -> Row:
    config = model.config
    names = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "vocab_size")
    return {name: getattr(config, name) for name in names} | {"head_dim": head_dim(config)}


def head_dim(config: Any) -> int:
    return getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


def step(model: Any, name: str, rows: list[Row]) -> Row:
    """Seconds of processor time and GB above the model of one forward and backward pass, and its loss."""
    way, context = prepare(model, name, rows)
    with context:
        for p in model.parameters():
            p.grad = None
        gc.collect()
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before, begin = status("VmRSS"), time.process_time()
        loss = way()
        loss.backward()
        seconds, memory = time.process_time() - begin, status("VmHWM") - before
    return {"seconds": seconds, "memory": memory, "loss": loss.item()}


def prepare(model: Any, name: str, rows: list[Row]) -> tuple[Callable[[], torch.Tensor], Any]:
    """The loss of a batch as one way computes it, without what belongs to loading the data."""
    causal = model.get_base_model() if hasattr(model, "peft_config") else model
    causal.__dict__.pop("forward", None)
    causal.get_decoder().layers[-1].__dict__.pop("forward", None)
    if name in SAVINGS or name == "full-sparse":
        made = sparsify(model, SavingsSettings(**SAVINGS.get(name, {})))
        batch = made.collator(rows)
        return lambda: model(**batch).loss / batch["weights"].sum(), made.active()
    longest = max(len(row["input_ids"]) for row in rows)
    fill = {"input_ids": 0, "labels": -100, "attention_mask": 0}
    batch = {k: torch.tensor([row[k] + [v] * (longest - len(row[k])) for row in rows]) for k, v in fill.items()}
    if name in ("hf100", "full"):
        return lambda: model(**batch, use_cache=False).loss, nullcontext()
    from trl.trainer.utils import add_fused_lm_head

    add_fused_lm_head(causal, outputs=("log_probs", "entropy", "is_top1"))
    compact = compacted() if name == "trl-compact" else nullcontext()
    return lambda: model(**batch, fused_lm_head=True).loss, compact


@contextmanager
def compacted() -> Any:
    """Let TRL believe that it may choose positions, as it does where Triton runs; torch computes all the same."""
    from trl.trainer import utils

    own = utils._use_triton
    utils._use_triton = lambda _: True
    try:
        yield
    finally:
        utils._use_triton = own


def status(field: str) -> float:
    """GB, of this process."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 2**20


def flops(way: str, sizes: Row, lora: bool, lengths: list[int], supervised: list[list[int]]) -> float:
    """Floating-point operations of a step's matrix products and attention. A product of n x k and k x m counts 2 n k m.

    A weight costs 2 per token forward, 2 backward for the gradient of its input, and 2 for its own unless it is frozen. Attention
    over t tokens of which q ask costs 4 width t q forward and 10 backward (FlashAttention computes the products again), half of
    it where a causal kernel skips what is masked. TRL computes the logits again on the way back.
    """
    d, i, heads = sizes["hidden_size"], sizes["intermediate_size"], sizes["num_attention_heads"]
    width, kv = heads * sizes["head_dim"], sizes["num_key_value_heads"] * sizes["head_dim"]
    keys, rest, layers, head = 2 * d * kv, 2 * d * width + 3 * d * i, sizes["num_hidden_layers"], d * sizes["vocab_size"]
    adapters = 64 * (2 * (d + kv) + 2 * (d + width) + 3 * (d + i)) if lora else 0
    train = 4 if lora else 6  # a weight, forward and backward
    per_layer = train * (keys + rest) + 6 * adapters
    longest, count = max(lengths), sum(map(len, supervised))
    if way in ("hf100", "full", "trl", "trl-compact"):
        tokens = len(lengths) * longest
        at_head = count if way == "trl-compact" else tokens
        attention = 14 * width * longest**2 * len(lengths)
        return layers * (tokens * per_layer + attention) + at_head * head * (train + (2 if way.startswith("trl") else 0))
    b, c, packed = (way not in ("a",), way not in ("a", "ab"), way not in ("a", "ab", "abc"))
    ends = [s[-1] if b else n for s, n in zip(supervised, lengths, strict=True)]
    if not packed:
        ends = [max(ends)] * len(ends)
    asked = [len(s) for s in supervised]
    window = {"live64": 64, "detached": 0}.get(way)
    forward = backward = 0.0
    if window is None:
        causal = sum(7 * width * n * n for n in ends)
        last = sum(n * (train * keys) + q * train * rest for n, q in zip(ends, asked, strict=True)) + sum(ends) * 6 * adapters
        last += sum(14 * width * n * q for n, q in zip(ends, asked, strict=True))
        body = layers * (sum(ends) * per_layer + causal) if not c else (layers - 1) * (sum(ends) * per_layer + causal) + last
        return body + count * head * train
    live = [len(np.unique(np.maximum(np.array(s)[:, None] - 1 - np.arange(window + 1), 0))) for s in supervised]
    forward = (layers - 1) * sum(n * 2 * (keys + rest + adapters) + 2 * width * n * n for n in ends) + sum(ends) * 2 * keys
    backward = (layers - 1) * sum(q * per_layer + 14 * width * n * q for n, q in zip(ends, live, strict=True))
    backward += sum(q * train * keys + s * train * rest for q, s in zip(live, asked, strict=True))
    return forward + backward + count * head * train


def show(entries: list[Row]) -> None:
    """The table of one file: medians over the rounds of the ratio to hf100 on the same samples."""
    first = entries[0]
    lora = first["tuning"] == "lora"
    cells: dict[tuple[float, float], dict[str, dict[int, Row]]] = defaultdict(lambda: defaultdict(dict))
    for e in entries:
        cells[e["ratio"], e["share"]][e["way"]][e["round"]] = e
    rounds = sorted({e["round"] for e in entries})
    batches = f"{len(rounds)} batches of {len(first['lengths'])} samples, {first['threads']} threads"
    print(f"\n{Path(first['model']).name}, {first['tuning']}; {batches}")
    titles = (
        "supervised",
        "eos",
        "way",
        "seconds",
        "speed-up",
        "by count",
        "of the count",
        "vs trl-compact",
        "GB",
        "of hf100's GB",
    )
    print(f"\n| {' | '.join(titles)} |")
    print("|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|")
    for (ratio, share), measured in sorted(dict(cells).items()):
        for name, by_round in measured.items():
            usual = cells[ratio, USUAL]
            both = [(e, usual["hf100"][r], usual["trl-compact"].get(r)) for r, e in by_round.items() if r in usual["hf100"]]
            if not both:
                continue
            count = [flops_of(h, lora) / flops_of(e, lora) for e, h, _ in both]
            speed = [h["seconds"] / e["seconds"] for e, h, _ in both]
            compact = [t["seconds"] / e["seconds"] for e, _, t in both if t is not None]
            shown = [
                f"{ratio:.0%}", f"{share:g}", name, f"{median(e['seconds'] for e, _, _ in both):.2f}", f"{median(speed):.2f}",
                f"{median(count):.2f}", f"{median(s / c for s, c in zip(speed, count, strict=True)):.0%}",
                f"{median(compact):.2f}" if compact else "", f"{median(e['memory'] for e, _, _ in both):.2f}",
                f"{median(e['memory'] / h['memory'] for e, h, _ in both):.2f}",
            ]  # fmt: skip
            print(f"| {' | '.join(shown)} |")


def flops_of(entry: Row, lora: bool) -> float:
    way = "abcd" if entry["way"] == "full-sparse" else entry["way"]
    return flops(way, entry["shape"], lora, entry["lengths"], entry["supervised"])


def median(values: Any) -> float:
    return statistics.median(list(values))


LARGER = {
    "Qwen2.5-Coder-0.5B": (896, 4864, 24, 14, 2, 64, 151936),
    "Qwen2.5-Coder-1.5B": (1536, 8960, 28, 12, 2, 128, 151936),
    "Qwen2.5-Coder-7B": (3584, 18944, 28, 28, 4, 128, 152064),
}
"""Width, MLP, layers, heads, key-value heads, head width, vocabulary."""


def predict() -> None:
    """Speed-ups by the count of operations for batches of 8 responses like LeetCode's: 300 to 900 tokens, half of them prompt."""
    names = (
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "head_dim",
        "vocab_size",
    )
    random = np.random.default_rng(0)
    batches = [random.integers(300, 900, 8).tolist() for _ in range(50)]
    print("| model | tuning | supervised | abcd against hf100 | against trl-compact | live64 against hf100 | detached |")
    print("|---|---|--:|--:|--:|--:|--:|")
    for model, values in LARGER.items():
        sizes = dict(zip(names, values, strict=True))
        for lora in (True, False):
            for ratio in RATIOS:
                speeds = defaultdict(list)
                for lengths in batches:
                    supervised = [spread(n, ratio, random) for n in lengths]
                    cost = {
                        way: flops(way, sizes, lora, lengths, supervised)
                        for way in ("hf100", "trl-compact", "abcd", "live64", "detached")
                    }
                    for way, against in (("abcd", "hf100"), ("abcd", "trl-compact"), ("live64", "hf100"), ("detached", "hf100")):
                        speeds[way, against].append(cost[against] / cost[way])
                shown = " | ".join(f"{median(v):.2f}" for v in speeds.values())
                print(f"| {model} | {'LoRA' if lora else 'full'} | {ratio:.0%} | {shown} |")


def spread(length: int, ratio: float, random: np.random.Generator) -> list[int]:
    """Statements of 8 tokens, anywhere in the second half."""
    half = length // 2
    blocks = max(1, round(ratio * half / 8))
    starts = half + 8 * random.choice(half // 8, min(blocks, half // 8), replace=False)
    return sorted(int(s) + k for s in starts for k in range(8))


if __name__ == "__main__":
    main()

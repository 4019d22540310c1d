"""How fast scoring is, against the bare forward pass of the same samples and against the naive way.

    python benchmarks/scoring.py DATA.jsonl.gz MODEL [--samples N] [--rounds N] [--dtype D] [--threads N]

DATA has the fields `query` and `response`; N of its rows, evenly spread, are scored. All ways run in one process, interleaved;
medians count.

    naive         input order, 8 samples a batch, padded, all logits, log-softmax in float32
    bare padded   the body alone, input order, 8 samples a batch, padded
    bare sorted   the body alone, sorted by length, padded
    bare packed   the body alone, packed
    stage         all of ScoreStage: templates, tokens, packed body, LM head on response positions, columns

Processor time is printed beside wall time: on a machine with other work it is the steadier of the two.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # waiting threads would count as processor time

import numpy as np
import pyarrow as pa
import torch
from rich.progress import track

from codeblock.config import ScoreSettings
from codeblock.schemas import SAMPLES, row_to_sample
from codeblock.scoring.attention import PACKED
from codeblock.scoring.rendering import response_tokens
from codeblock.scoring.stage import ScoreStage
from codeblock.types import RenderedSample

BATCH = 8  # the default of transformers' Trainer


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("data", type=Path)
    arguments.add_argument("model")
    arguments.add_argument("--samples", type=int, default=16)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--dtype", default="auto")
    arguments.add_argument("--batch-tokens", type=int, default=2048)
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)

    stage = ScoreStage(ScoreSettings(model=options.model, dtype=options.dtype, batch_tokens=options.batch_tokens))
    stage.setup()
    table = read(options.data, options.samples)
    rendered = [stage.renderer.render(row_to_sample(row)) for row in table.to_pylist()]
    by_length = sorted(rendered, key=lambda r: -len(r.input_ids))
    scorer, model = stage._scorer, stage._scorer._model
    own = "sdpa"

    def naive() -> list[np.ndarray]:
        return [nll for n in range(0, len(rendered), BATCH) for nll in naive_nll(model, rendered[n : n + BATCH])]

    def bare(order: list[RenderedSample]) -> None:
        for n in range(0, len(order), BATCH):
            model.get_decoder()(**padded(order[n : n + BATCH]), use_cache=False)

    def bare_packed() -> None:
        lengths = [len(r.input_ids) for r in rendered]
        for batch in scorer._batches(lengths):
            scorer._hidden([rendered[n].input_ids for n in batch], [np.zeros(1, np.int64)] * len(batch))

    ways: dict[str, tuple[str, Callable[[], Any]]] = {
        "naive": (own, naive),
        "bare padded": (own, lambda: bare(rendered)),
        "bare sorted": (own, lambda: bare(by_length)),
        "bare packed": (PACKED, bare_packed),
        "stage": (PACKED, lambda: stage(table)),
    }
    wall: dict[str, list[float]] = {name: [] for name in ways}
    cpu: dict[str, list[float]] = {name: [] for name in ways}
    results: dict[str, Any] = {}
    with torch.inference_mode():
        for _ in track(range(options.rounds), description="rounds"):
            for name, (attention, way) in ways.items():
                model.set_attn_implementation(attention)
                begin, begin_cpu = time.perf_counter(), time.process_time()
                results[name] = way()
                wall[name].append(time.perf_counter() - begin)
                cpu[name].append(time.process_time() - begin_cpu)

    tokens, wanted = sum(len(r.input_ids) for r in rendered), sum(int(response_tokens(r)[0].sum()) for r in rendered)
    print(f"{stage.info.architecture}, {stage.info.dtype}, {options.threads} threads, torch {torch.__version__}")
    print(f"{len(rendered)} samples, {tokens} tokens, {wanted} of them response; medians of {options.rounds} rounds")
    print(f"{'':12}   wall s   cpu s   tokens/s   stage / this (wall, cpu)")
    m = {name: (statistics.median(wall[name]), statistics.median(cpu[name])) for name in ways}
    for name, (seconds, busy) in m.items():
        ratios = f"{m['stage'][0] / seconds:10.2f} {m['stage'][1] / busy:8.2f}"
        print(f"{name:12} {seconds:8.2f} {busy:7.2f} {tokens / seconds:10.0f} {ratios}")
    pairs = zip(results["naive"], results["stage"]["nll"].to_pylist(), strict=True)
    difference = max(float(np.abs(one - np.array(other)).max()) for one, other in pairs)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"largest difference from naive: {difference:.2g} nats; peak memory {peak:.1f} GB")


def read(path: Path, samples: int) -> pa.Table:
    with gzip.open(path, "rt") as file:
        lines = [json.loads(line) for line in file]
    rows = [
        {
            "id": str(n),
            "messages": [
                {"role": "user", "content": lines[n]["query"]},
                {"role": "assistant", "content": lines[n]["response"]},
            ],
            "source": path.name,
            "row": n,
            "extra": "{}",
        }
        for n in np.linspace(0, len(lines) - 1, samples).astype(int).tolist()
    ]
    return pa.Table.from_pylist(rows, schema=SAMPLES)


def padded(batch: list[RenderedSample]) -> dict[str, torch.Tensor]:
    longest = max(len(r.input_ids) for r in batch)
    ids, mask = torch.zeros(len(batch), longest, dtype=torch.long), torch.zeros(len(batch), longest, dtype=torch.long)
    for n, r in enumerate(batch):
        ids[n, : len(r.input_ids)] = torch.from_numpy(r.input_ids)
        mask[n, : len(r.input_ids)] = 1
    return {"input_ids": ids, "attention_mask": mask}


def naive_nll(model: Any, batch: list[RenderedSample]) -> list[np.ndarray]:
    inputs = padded(batch)
    log_p = model(**inputs, use_cache=False).logits.float().log_softmax(-1)
    found = []
    for n, r in enumerate(batch):
        positions = torch.from_numpy(np.flatnonzero(response_tokens(r)[0]))
        found.append(-log_p[n, positions - 1, inputs["input_ids"][n, positions]].numpy())
    return found


if __name__ == "__main__":
    main()

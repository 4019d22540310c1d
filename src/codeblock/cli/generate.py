"""``codeblock generate``: a model's programs for a benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def generate(
    model: Annotated[str, typer.Option(help="A directory, a GGUF file or a hub id.", show_default=False)],
    out: Annotated[
        Path, typer.Option(help="JSON Lines file of samples; an interrupted one is gone on with.", show_default=False)
    ],
    benchmark: Annotated[str, typer.Option("--benchmark", "-b", help="Its name; see docs/evaluate.md.")] = "humaneval",
    data: Annotated[Path | None, typer.Option(help="Directory with the benchmark's file.", show_default=False)] = None,
    adapter: Annotated[Path | None, typer.Option(help="A LoRA adapter to merge into the model.", show_default=False)] = None,
    samples: Annotated[int, typer.Option(min=1, help="Per task.")] = 1,
    temperature: Annotated[float, typer.Option(min=0, help="0 decodes greedily.")] = 0.0,
    top_p: Annotated[float, typer.Option(min=0, max=1, help="Of sampling.")] = 0.95,
    seed: Annotated[int, typer.Option(min=0, help="Of sampling.")] = 0,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Per sample.")] = 768,
    batch_size: Annotated[int, typer.Option(min=1, help="Prompts at once.")] = 16,
    prompt: Annotated[
        Literal["auto", "chat", "completion"], typer.Option(help="auto: chat where the model has a chat template.")
    ] = "auto",
    dtype: Annotated[Literal["auto", "bfloat16", "float32"], typer.Option(help="Of weights and arithmetic.")] = "auto",
    device: Annotated[str | None, typer.Option(help="E.g. cuda or cpu.", show_default="a GPU where there is one")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first tasks.", show_default=False)] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace samples of other settings.")] = False,
) -> None:
    """Write a model's programs for every task of a benchmark, with the prompts that EvalPlus publishes.

    The file has EvalPlus's form (`task_id`, `solution`), with the model's own text beside it under `raw`.
    """
    from rich.console import Console

    from codeblock.errors import UsageError
    from codeblock.evaluate import generate as generation
    from codeblock.evaluate.benchmarks.registry import find_benchmark
    from codeblock.evaluate.benchmarks.task import load_tasks
    from codeblock.evaluate.decoding import Decoding
    from codeblock.view.progress import watch

    if samples > 1 and temperature == 0:
        raise UsageError(f"--samples {samples} with --temperature 0 would write the same program {samples} times")
    chosen = find_benchmark(benchmark)
    tasks = load_tasks(chosen, data)[:limit]
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with console.status(f"loading {model}"):
        generator = generation.load_generator(model, adapter, prompt, dtype, device)
    decoding = Decoding(max_new_tokens, temperature, top_p, seed)
    with watch("generate") as progress:
        ended = generation.generate(generator, chosen, tasks, out, samples, batch_size, decoding, progress, overwrite)
    console.print(
        f"{sum(ended.values())} samples in {out}: {ended['stop']} ended at a stop string, {ended['end']} at the model's end of "
        f"text, {ended['length']} at {max_new_tokens} tokens"
    )

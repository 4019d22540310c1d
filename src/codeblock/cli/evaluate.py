"""``codeblock evaluate``: run a model's programs against a benchmark, and say how many pass."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from codeblock.errors import UsageError

if TYPE_CHECKING:
    from codeblock.evaluate.benchmarks.task import Benchmark
    from codeblock.evaluate.pass_at_k import Paired
    from codeblock.evaluate.report import Report


def evaluate(
    samples: Annotated[
        Path | None, typer.Argument(help="JSON Lines of `codeblock generate`, EvalPlus or BigCodeBench.", show_default=False)
    ] = None,
    benchmark: Annotated[str, typer.Option("--benchmark", "-b", help="Its name; see docs/evaluate.md.")] = "humaneval",
    data: Annotated[Path | None, typer.Option(help="Directory with the benchmark's file.", show_default=False)] = None,
    against: Annotated[Path | None, typer.Option(help="Other samples to compare with, task by task.", show_default=False)] = None,
    reference: Annotated[bool, typer.Option(help="Judge the benchmark's own solutions instead of samples.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Per-sample results; SAMPLES.results.jsonl when absent.", show_default=False)
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0.1, help="CPU seconds of one part of a test.", show_default="the benchmark's")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Programs at once.", show_default="one per processor")] = None,
    level: Annotated[str | None, typer.Option(help="Isolation, instead of the best there is.", show_default=False)] = None,
    accept_no_isolation: Annotated[bool, typer.Option(help="Run programs that can reach your files and network.")] = False,
    partial: Annotated[bool, typer.Option(help="Score the tasks that have samples; others are not counted.")] = False,
    cold: Annotated[bool, typer.Option(help="A new interpreter for every program; slow, for comparison.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Run programs in the sandbox and print pass@k with its interval, the verdicts, and why programs failed.

    With --against, also the paired difference: a bootstrap interval, and the exact McNemar test for one sample per task.
    """
    if (samples is None) is not reference:
        raise UsageError("give a file of samples, or --reference for the benchmark's own solutions")
    if reference and against is not None:
        raise UsageError("--against compares two files of samples; leave out --reference")
    from codeblock.evaluate.benchmarks.registry import find_benchmark
    from codeblock.evaluate.benchmarks.task import load_tasks
    from codeblock.evaluate.judge import judge
    from codeblock.evaluate.pass_at_k import compare
    from codeblock.evaluate.report import as_json as plain
    from codeblock.evaluate.report import pass_rates, summarize
    from codeblock.evaluate.samples import read_samples, reference_samples
    from codeblock.evaluate.sandbox.run import Sandbox
    from codeblock.store import write_bytes_atomic
    from codeblock.view.progress import watch

    chosen = find_benchmark(benchmark)
    tasks = load_tasks(chosen, data)
    runs = [read_samples(path, tasks, partial) for path in (samples, against) if path] or [reference_samples(tasks)]
    started = time.perf_counter()
    with Sandbox(workers, _level(level), chosen.preload, cold, accept_no_isolation) as sandbox:
        results = []
        for run in runs:
            with watch("evaluate") as progress:
                results.append(judge(chosen, tasks, run, sandbox, progress, timeout))
        isolation = sandbox.level
    seconds = time.perf_counter() - started
    target = out or (samples.with_suffix(".results.jsonl") if samples else None)
    if target is not None:
        write_bytes_atomic(target, b"".join(json.dumps(asdict(j)).encode() + b"\n" for j in results[0]))
    reports = [summarize(result) for result in results]
    paired = None
    if len(results) == 2:
        single = all(report.score.method == "wilson" for report in reports)
        paired = compare(pass_rates(results[0]), pass_rates(results[1]), single)
    about = {
        "benchmark": chosen.name, "data": chosen.file.digest, "isolation": str(isolation), "samples": len(runs[0]),
        "tasks_without_samples": len(tasks) - len({s.task for s in runs[0]}), "seconds": round(seconds, 2),
        "verdict_from": "the program's own process" if chosen.style == "bigcodebench" else "another process",
    }  # fmt: skip
    if as_json:
        print(json.dumps(about | plain(reports[0], paired)))
    else:
        _show(chosen, about, reports, paired)


def _level(name: str | None) -> Any:
    from codeblock.evaluate.sandbox.jobs import Level

    if name is not None and name not in list(Level):
        raise UsageError(f"no isolation level {name!r}; there are {', '.join(Level)}")
    return Level(name) if name else None


def _show(benchmark: Benchmark, about: dict[str, Any], reports: list[Report], paired: Paired | None) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, soft_wrap=True)
    first = reports[0]
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("benchmark", f"{benchmark.title}, {first.score.tasks} tasks judged")
    if about["tasks_without_samples"]:
        table.add_row("", f"[yellow]{about['tasks_without_samples']} tasks have no sample and are not counted[/]")
    table.add_row("isolation", f"{about['isolation']}; verdict from {about['verdict_from']}")
    for name, score in (("", first.score), ("base ", first.base)) if first.base else (("", first.score),):
        for k, value in score.by_k.items():
            low, high = score.interval
            interval = f"  \\[{low:.1%}, {high:.1%}] {score.method}" if k == 1 else ""
            table.add_row(f"{name}pass@{k}", f"[bold]{value:.1%}[/]{interval}")
    table.add_row("verdicts", ", ".join(f"{count} {verdict}" for verdict, count in first.counts.items()))
    if first.unstable:
        table.add_row("unstable", f"[yellow]{first.unstable} samples passed their wall limit and ended differently alone[/]")
    for number, (reason, count) in enumerate(first.reasons.items()):
        table.add_row("" if number else "reasons", f"{count:5} {reason}")
    if paired is not None:
        low, high = paired.interval
        p = "" if paired.p is None else f", exact McNemar p = {paired.p:.3g}"
        table.add_row("against", f"{reports[1].score.by_k.get(1, 0):.1%} on the other samples, {paired.tasks} tasks in both")
        table.add_row("difference", f"[bold]{paired.difference:+.1%}[/]  \\[{low:+.1%}, {high:+.1%}] bootstrap{p}")
        table.add_row("", f"{paired.only_first} tasks only here, {paired.only_second} only there")
    table.add_row("seconds", f"{about['seconds']}")
    console.print(table)

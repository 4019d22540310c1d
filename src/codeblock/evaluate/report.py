"""What judged samples say about a model: counts, pass@k, intervals, reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from codeblock.evaluate.judge import Judged
from codeblock.evaluate.pass_at_k import Paired, bootstrap, pass_at_k, wilson
from codeblock.evaluate.sandbox.jobs import Verdict

_KS = (1, 5, 10, 100)
_REASONS = 10


@dataclass(frozen=True, slots=True)
class Score:
    """Pass@k over tasks.

    Attributes:
        tasks: with at least one judged sample.
        by_k: for every k of 1, 5, 10 and 100 for which all these tasks have as many samples.
        interval: of pass@1, 95 %.
        method: ``wilson`` for one sample per task, ``bootstrap`` over tasks for more.
    """

    tasks: int
    by_k: dict[int, float]
    interval: tuple[float, float]
    method: str


@dataclass(frozen=True, slots=True)
class Report:
    """One evaluation.

    Attributes:
        score: all parts passed.
        base: for benchmarks with a part ``base`` before others: that part alone.
        counts: samples by verdict.
        reasons: of samples that were judged and did not pass, the most frequent first.
        unstable: samples whose second run gave another verdict.
    """

    score: Score
    base: Score | None
    counts: dict[str, int]
    reasons: dict[str, int]
    unstable: int


def summarize(judged: Sequence[Judged]) -> Report:
    """Add up. Samples that could not be judged are counted and left out of pass@k."""
    counts = Counter(j.verdict for j in judged)
    usable = [j for j in judged if j.verdict is not Verdict.UNJUDGED]
    reasons = Counter(f"{j.verdict}: {j.reason}" for j in usable if j.verdict is not Verdict.PASSED)
    base = None
    if any(len(j.parts) > 1 for j in usable):
        base = _score([(j.task, j.parts["base"] is Verdict.PASSED) for j in usable])
    return Report(
        score=_score([(j.task, j.verdict is Verdict.PASSED) for j in usable]),
        base=base,
        counts={str(verdict): counts[verdict] for verdict in Verdict},
        reasons=dict(reasons.most_common(_REASONS)),
        unstable=sum(j.unstable for j in judged),
    )


def pass_rates(judged: Sequence[Judged]) -> dict[str, float]:
    """Share of judged samples that passed, by task."""
    totals: Counter[str] = Counter()
    passed: Counter[str] = Counter()
    for j in judged:
        if j.verdict is not Verdict.UNJUDGED:
            totals[j.task] += 1
            passed[j.task] += j.verdict is Verdict.PASSED
    return {task: passed[task] / totals[task] for task in totals}


def as_json(report: Report, paired: Paired | None = None) -> dict[str, Any]:
    """A report as plain data."""
    values: dict[str, Any] = {f"pass@{k}": value for k, value in report.score.by_k.items()}
    values |= {
        "interval": list(report.score.interval),
        "interval_method": report.score.method,
        "tasks": report.score.tasks,
        "counts": report.counts,
        "reasons": report.reasons,
        "unstable": report.unstable,
    }
    if report.base is not None:
        values["base"] = {f"pass@{k}": v for k, v in report.base.by_k.items()} | {"interval": list(report.base.interval)}
    if paired is not None:
        values["against"] = {
            "tasks": paired.tasks, "difference": paired.difference, "interval": list(paired.interval),
            "only_first": paired.only_first, "only_second": paired.only_second, "mcnemar_p": paired.p,
        }  # fmt: skip
    return values


def _score(results: Sequence[tuple[str, bool]]) -> Score:
    totals: Counter[str] = Counter(task for task, _ in results)
    passed: Counter[str] = Counter(task for task, ok in results if ok)
    fewest = min(totals.values(), default=0)
    by_k = {k: _mean([pass_at_k(totals[t], passed[t], k) for t in totals]) for k in _KS if k <= fewest}
    if max(totals.values(), default=1) == 1:
        return Score(len(totals), by_k, wilson(sum(passed.values()), len(totals)), "wilson")
    return Score(len(totals), by_k, bootstrap([passed[t] / totals[t] for t in totals]), "bootstrap")


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)

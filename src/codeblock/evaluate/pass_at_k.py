"""Pass@k and how sure it is: intervals for one run, and for the difference of two."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_Z = 1.959963984540054  # 97.5 % quantile of the normal distribution
_RESAMPLES = 10_000


def pass_at_k(samples: int, passed: int, k: int) -> float:
    """Chance that at least one of `k` samples drawn without replacement passes (Chen et al., arXiv 2107.03374, eq. 1).

    Args:
        samples: of one task, at least `k`.
        passed: of them.
        k: drawn.
    """
    if not 0 <= passed <= samples or not 0 < k <= samples:
        raise ValueError(f"{passed} of {samples} samples, {k} drawn")
    if samples - passed < k:
        return 1.0
    return 1.0 - math.prod(1.0 - k / n for n in range(samples - passed + 1, samples + 1))


def wilson(passed: int, total: int) -> tuple[float, float]:
    """95 % interval of a proportion, for one sample per task (Wilson 1927).

    Unlike the normal approximation it stays within 0 and 1 and is good for small counts.
    """
    if total == 0:
        return 0.0, 1.0
    share = passed / total
    centre = share + _Z**2 / (2 * total)
    width = _Z * math.sqrt(share * (1 - share) / total + _Z**2 / (4 * total**2))
    scale = 1 + _Z**2 / total
    return max(0.0, (centre - width) / scale), min(1.0, (centre + width) / scale)


def bootstrap(values: Sequence[float], seed: int = 0) -> tuple[float, float]:
    """95 % percentile interval of the mean when tasks are drawn again, for several samples per task or for differences.

    Args:
        values: one per task.
        seed: of the resampling, so that a report is the same each time.
    """
    if not values:
        return 0.0, 1.0
    array = np.asarray(values, dtype=np.float64)
    generator = np.random.default_rng(seed)
    means = np.fromiter(
        (array[generator.integers(0, len(array), len(array))].mean() for _ in range(_RESAMPLES)), np.float64, _RESAMPLES
    )
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


@dataclass(frozen=True, slots=True)
class Paired:
    """Two runs on the same tasks.

    Attributes:
        tasks: that both have judged.
        difference: of the mean pass rates, first minus second.
        interval: of the difference, by bootstrap over tasks.
        only_first: tasks that only the first run solves; half a task and more counts as solved.
        only_second: likewise.
        p: of the exact McNemar test; None where a task has more than one sample.
    """

    tasks: int
    difference: float
    interval: tuple[float, float]
    only_first: int
    only_second: int
    p: float | None


def compare(first: dict[str, float], second: dict[str, float], single: bool) -> Paired:
    """Compare two runs task by task.

    Args:
        first: pass rate by task.
        second: likewise; tasks that only one of them has are left out.
        single: whether both have one sample per task.
    """
    common = [task for task in first if task in second]
    differences = [first[task] - second[task] for task in common]
    only_first = sum(first[task] >= 0.5 > second[task] for task in common)
    only_second = sum(second[task] >= 0.5 > first[task] for task in common)
    return Paired(
        len(common),
        sum(differences) / len(common) if common else 0.0,
        bootstrap(differences),
        only_first,
        only_second,
        mcnemar(only_first, only_second) if single else None,
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided exact p-value that two runs solve equally many tasks, from the tasks that only one of them solves."""
    total = only_first + only_second
    tail = sum(math.comb(total, n) for n in range(min(only_first, only_second) + 1)) / 2**total
    return min(1.0, 2 * tail)

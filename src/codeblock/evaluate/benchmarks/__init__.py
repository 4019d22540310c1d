"""The benchmarks by name."""

from __future__ import annotations

from codeblock.errors import UsageError, nearest
from codeblock.evaluate.benchmarks.bigcodebench import BIGCODEBENCH
from codeblock.evaluate.benchmarks.evalplus import HUMANEVAL_PLUS, MBPP_PLUS
from codeblock.evaluate.benchmarks.humaneval import HUMANEVAL
from codeblock.evaluate.benchmarks.mbpp import MBPP, SANITIZED
from codeblock.evaluate.benchmarks.task import Benchmark

BENCHMARKS: dict[str, Benchmark] = {
    benchmark.name: benchmark for benchmark in (HUMANEVAL, HUMANEVAL_PLUS, MBPP, SANITIZED, MBPP_PLUS, *BIGCODEBENCH)
}


def find_benchmark(name: str) -> Benchmark:
    """Return a benchmark.

    Raises:
        UsageError: there is none of this name.
    """
    if name not in BENCHMARKS:
        raise UsageError(f"no benchmark {name!r}{nearest(name, BENCHMARKS)}; there are {', '.join(BENCHMARKS)}")
    return BENCHMARKS[name]

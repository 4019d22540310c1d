"""The benchmarks by name."""

from __future__ import annotations

from codeblock.errors import UsageError, nearest
from codeblock.evaluate.benchmarks import bigcodebench, evalplus, humaneval, mbpp
from codeblock.evaluate.benchmarks.task import Benchmark

BENCHMARKS: dict[str, Benchmark] = {
    benchmark.name: benchmark
    for benchmark in (
        humaneval.HUMANEVAL,
        evalplus.HUMANEVAL_PLUS,
        mbpp.MBPP,
        mbpp.SANITIZED,
        evalplus.MBPP_PLUS,
        *bigcodebench.BIGCODEBENCH,
    )
}


def find_benchmark(name: str) -> Benchmark:
    """Return a benchmark.

    Raises:
        UsageError: there is none of this name.
    """
    if name not in BENCHMARKS:
        raise UsageError(f"no benchmark {name!r}{nearest(name, BENCHMARKS)}; there are {', '.join(BENCHMARKS)}")
    return BENCHMARKS[name]

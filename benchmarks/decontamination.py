"""How many planted benchmark solutions are found, disguised in several ways, for several lengths of nameless runs.

python benchmarks/decontamination.py BENCHMARK...        files of tasks, or humaneval; all solutions are Python
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.curate.disguise import comment, reindent, rename

from codeblock.curate import decontaminate
from codeblock.curate.benchmarks import benchmark_path, load_tasks

DISGUISES = {
    "verbatim": str,
    "re-indented": reindent,
    "commented": comment,
    "renamed": rename,
    "renamed, re-indented": lambda code: reindent(rename(code)),
}
HEAD = "def f(x):\n"  # of solutions that are bodies

if __name__ == "__main__":
    benchmarks = {name: load_tasks(benchmark_path(name)) for name in sys.argv[1:]}
    print("| nameless runs | benchmark | tasks | " + " | ".join(DISGUISES) + " |")
    for length in (20, 16, 12):
        decontaminate.NAMELESS_N = length
        looking = decontaminate.Decontaminator(task for tasks in benchmarks.values() for task in tasks)
        for name, tasks in benchmarks.items():
            found = dict.fromkeys(DISGUISES, 0)
            for task in tasks:
                code = task.codes[0].replace("\r", "")
                code = HEAD + code if code.startswith(" ") else code
                for disguise, change in DISGUISES.items():
                    found[disguise] += looking.find(["Solve this.", f"```python\n{change(code)}\n```"]) is not None
            shares = (f"{count / len(tasks):.3f}" for count in found.values())
            print(f"| {length} | {Path(name).name.split('.')[0]} | {len(tasks):,} | " + " | ".join(shares) + " |", flush=True)

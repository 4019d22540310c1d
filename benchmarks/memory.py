"""Peak memory of each stage, for some rows and for ten times as many.

    python benchmarks/memory.py DATA.jsonl.gz [--rows N]

The first rows of DATA (`query`, `response`) are repeated under new ids, so that ten times as many are no longer ones. Every stage
runs in its own process; scoring uses a model of a few kilobytes with random weights, so that rows, not weights, are what is
measured. The allocator's mood moves a peak by some 10 %.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PRELUDE = """
import sys
from pathlib import Path
from codeblock.analyze.stage import AnalyzeStage
from codeblock.config import ReadSettings, ScoreSettings, SelectSettings
from codeblock.data.read import read
from codeblock.engine.local import run_stage
from codeblock.export.artefact import write_selection
from codeblock.scoring.stage import ScoreStage
data, root, model = map(Path, sys.argv[1:])
samples, analysis, scores = (root / "stages" / name for name in ("samples", "analysis", "scores"))
def select(**settings): write_selection(root, SelectSettings(**settings), chat=True)
"""
STAGES = {
    "read": "read([data], ReadSettings(), samples)",
    "analyze (in this process)": "run_stage(AnalyzeStage(), [samples], analysis)",
    "score": "run_stage(ScoreStage(ScoreSettings(model=str(model))), [samples], scores)",
    "select": "select()",
    "select --scope sample": "select(scope='sample')",
    "select --strategy top-loss": "select(strategy='top-loss')",
}
PEAK = "\nprint('peak', Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("data", type=Path)
    arguments.add_argument("--rows", type=int, default=512, help="a multiple of 64, so that shards are no larger either")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        build = "import sys; from pathlib import Path; from tests.conftest import *; build_tiny_model(Path(sys.argv[1]), 8192)"
        subprocess.run([sys.executable, "-c", build, str(work / "model")], check=True, capture_output=True, cwd=ROOT)
        sizes = options.rows, 10 * options.rows
        data = [write(options.data, options.rows, work / f"{rows}.jsonl", rows) for rows in sizes]
        print(f"| stage | {sizes[0]:,} rows | {sizes[1]:,} rows | growth |\n|---|--:|--:|--:|")
        for name, code in STAGES.items():
            small, large = (peak(code, path, work / path.stem, work / "model") for path in data)
            print(f"| {name} | {small:.0f} MiB | {large:.0f} MiB | {large / small - 1:+.1%} |", flush=True)


def write(source: Path, first: int, target: Path, count: int) -> Path:
    with gzip.open(source, "rt") as file:
        rows = [json.loads(line) for line in itertools.islice(file, first)]
    with target.open("w") as file:
        for number, row in zip(range(count), itertools.cycle(rows), strict=False):
            file.write(json.dumps({"id": str(number), "query": row["query"], "response": row["response"]}) + "\n")
    return target


def peak(code: str, *paths: Path) -> float:
    command = [sys.executable, "-c", PRELUDE + code + PEAK, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return int(done.stdout.split("peak")[1]) / 1024


if __name__ == "__main__":
    main()

"""What curation costs: time, processor time and memory of whole runs, and of the search for neighbours alone.

python benchmarks/curate.py rows PAIRS.jsonl... --count N --out POOL.jsonl     a pool of N rows, recombined from pairs of rows
python benchmarks/curate.py run POOL.jsonl DIR [OPTION...]                     `codeblock curate` with those options, measured
python benchmarks/curate.py neighbours N [THREADS]                             neighbours of N clustered vectors of 256 dimensions
"""

import contextlib
import itertools
import json
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil


def recombined(paths: list[str], count: int) -> Iterator[dict[str, str]]:
    """Rows that ask for what two rows ask for, and answer both; of their one kind."""
    from codeblock.data.formats import detect_format, find_format, to_sample

    drawn = random.Random(0)
    kinds: list[list[tuple[str, str]]] = []
    for path in paths:
        rows = [json.loads(line) for line in Path(path).read_text().splitlines()]
        form = find_format(detect_format(rows[:50], path))
        samples = [to_sample(row, form, path, n) for n, row in enumerate(rows)]
        kinds.append([(s.messages[0].content, s.messages[-1].content) for s in samples])
    sizes = [len(kind) for kind in kinds]
    for n in range(count):
        (kind,) = drawn.choices(kinds, weights=sizes)
        (ask, answer), (also, other) = drawn.sample(kind, 2)
        yield {"id": f"row-{n}", "prompt": f"{ask}\n\nThen: {also}", "completion": f"{answer}\n\n{other}"}


def measure(pool: str, out: str, options: list[str]) -> None:
    """Run the command and print what it took."""
    command = [sys.executable, "-m", "codeblock", "curate", pool, "--out", out, "--json", *options]
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as told, tempfile.TemporaryFile("w+") as errors:
        process = psutil.Popen(command, stdout=told, stderr=errors)
        cpu: dict[int, float] = {}
        memory = 0
        # workers are no children of ours when they end, so they are asked while they run
        while process.poll() is None:
            rss = 0
            with contextlib.suppress(psutil.NoSuchProcess):
                for one in (process, *process.children(recursive=True)):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        cpu[one.pid] = sum(one.cpu_times()[:2])
                        rss += one.memory_info().rss
            memory = max(memory, rss)
            time.sleep(0.5)
        wall = time.monotonic() - started
        told.seek(0)
        errors.seek(0)
        print(errors.read())
        if process.returncode:
            sys.exit(process.returncode)
        report = json.load(told)
    size = sum(path.stat().st_size for path in Path(out).rglob("*") if path.is_file())
    print(f"{report['counts']['rows_in']:,} rows: {wall:.0f} s, {sum(cpu.values()):.0f} s of processor time,")
    print(f"{memory / 2**30:.2f} GiB in all processes, {size / 2**30:.2f} GiB on disk, {report['neighbours']}")


def neighbours(count: int, threads: str) -> None:
    """Time the search for neighbours by itself, in a process of its own."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = threads
    import numpy as np

    from codeblock.config import CurateSettings
    from codeblock.curate import choice
    from codeblock.curate.scarcity import scarcity
    from codeblock.store import Shards

    drawn = np.random.default_rng(0)
    centres = drawn.normal(size=(count // 200, 256)).astype(np.float32)
    vectors = np.empty((count, 256), dtype=np.float32)
    for begin in range(0, count, 10_000):
        end = min(count, begin + 10_000)
        # clusters of all widths
        noise = drawn.normal(size=(end - begin, 256)) * drawn.uniform(0.2, 1.5, (end - begin, 1))
        here = centres[drawn.integers(0, len(centres), end - begin)] + noise
        vectors[begin:end] = here / np.linalg.norm(here, axis=1, keepdims=True)
    settings = CurateSettings.model_validate({"samples": 1})
    with tempfile.TemporaryDirectory() as directory:
        started, used = time.monotonic(), time.process_time()
        _, similar, facts = choice._search(vectors, settings, Shards(Path(directory)), None)
        wall, cpu = time.monotonic() - started, time.process_time() - used
    recalls = choice._recalls(vectors, similar, scarcity(similar), 10)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{count:,} x 256, {threads} threads: {wall:.0f} s, {cpu:.0f} s of processor time, {memory:.2f} GiB,")
    print(f"{facts}, recall {recalls}")


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    if what == "rows":
        options = dict(itertools.pairwise(rest))
        names = rest[: rest.index("--count")]
        with Path(options["--out"]).open("w") as file:
            file.writelines(json.dumps(row) + "\n" for row in recombined(names, int(options["--count"])))
    elif what == "run":
        measure(rest[0], rest[1], rest[2:])
    else:
        neighbours(int(rest[0]), rest[1] if len(rest) > 1 else "2")

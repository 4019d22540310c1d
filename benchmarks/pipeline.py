"""What safety costs: reading, atomic shards, resuming, guarded rows, memory.

python benchmarks/pipeline.py [ROWS]
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from codeblock import store
from codeblock.config import ReadSettings
from codeblock.data.read import read
from codeblock.engine.local import run_stage
from codeblock.store import Counts, Shards

ANSWER = "Sum the values:\n\n```python\n" + "".join(f"x{n} = x{n - 1} + {n}\n" for n in range(1, 80)) + "```\n"
SCHEMA = pa.schema(
    [pa.field("id", pa.string(), nullable=False), pa.field("reason", pa.string()), pa.field("digest", pa.string())]
)
SETTINGS = ReadSettings.model_validate({})


class Work:
    """A stage of about two milliseconds per row; a row that asks for it ends its process."""

    name, schema = "work", SCHEMA

    def fingerprint(self) -> Mapping[str, Any]:
        return {"version": 1}

    def setup(self) -> None:
        pass

    def __call__(self, batch: pa.Table) -> pa.Table:
        rows = []
        for row in batch.to_pylist():
            text = row["messages"][-1]["content"]
            if text == "die":
                os._exit(1)
            digest = hashlib.pbkdf2_hmac("sha256", text.encode(), b"", 4000).hex()
            rows.append({"id": row["id"], "reason": None, "digest": digest})
        return pa.Table.from_pylist(rows, schema=SCHEMA)


def write_rows(path: Path, count: int, deadly: int = 0) -> Path:
    every = count // deadly if deadly else 0
    with path.open("w") as file:
        for n in range(count):
            completion = "die" if every and n % every == 0 else f"{n}: {ANSWER}"
            file.write(json.dumps({"id": f"row-{n}", "prompt": "Sum the values.", "completion": completion}) + "\n")
    return path


def seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


@contextmanager
def stopwatch(module: Any, name: str) -> Any:
    """Add up the seconds that calls of ``module.name`` take."""
    spent = [0.0]
    original = getattr(module, name)

    def timed(*args: Any, **kwargs: Any) -> Any:
        started = time.perf_counter()
        try:
            return original(*args, **kwargs)
        finally:
            spent[0] += time.perf_counter() - started

    setattr(module, name, timed)
    try:
        yield spent
    finally:
        setattr(module, name, original)


def peak(path: Path, out: Path) -> float:
    """Peak resident MiB of a program that reads and runs a stage."""
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[3]); from pipeline import *; "
        "out = Path(sys.argv[2]); read([Path(sys.argv[1])], SETTINGS, out / 'samples'); "
        "run_stage(Work(), [out / 'samples'], out / 'work'); print(Path('/proc/self/status').read_text())"
    )
    command = [sys.executable, "-c", code, str(path), str(out), str(Path(__file__).parent)]
    status = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        data = write_rows(root / "data.jsonl", count)
        size = data.stat().st_size / 1e6
        bare = seconds(lambda: [json.loads(line) for line in data.open("rb")])
        with stopwatch(store, "write_bytes_atomic") as writing:
            reading = seconds(lambda: read([data], SETTINGS, root / "samples"))
        print(f"read: {count / reading:,.0f} rows/s, {size / reading:.1f} MB/s ({reading / bare:.1f} x a bare json.loads loop)")
        print(f"  of it writing shards atomically: {writing[0] / reading:.1%}")
        print(f"read again, all shards complete: {seconds(lambda: read([data], SETTINGS, root / 'samples')):.2f} s")

        plain, guarded = [], []
        with stopwatch(store, "write_bytes_atomic") as writing:
            for turn in range(3):
                plain.append(seconds(lambda n=turn: run_stage(Work(), [root / "samples"], root / f"plain-{n}")))
                started = seconds(lambda n=turn: run_stage(Work(), [root / "samples"], root / f"guarded-{n}", row_seconds=2))
                guarded.append(started)
        p, g = min(plain), min(guarded)
        print(f"stage in this process: {p / count * 1e3:.2f} ms per row; guarded: {g / count * 1e3:.2f} ms ({g / p - 1:+.1%})")
        print(f"  of both writing shards atomically: {writing[0] / sum(plain + guarded):.1%}")

        deadly = write_rows(root / "deadly.jsonl", 1000, 100)
        read([deadly], SETTINGS, root / "deadly-samples")
        killed = seconds(lambda: run_stage(Work(), [root / "deadly-samples"], root / "deadly", row_seconds=2))
        extra = killed - 1000 * g / count
        print(f"1,000 rows of which 100 kill their process: {killed:.1f} s, {extra * 10:.0f} ms per killed row")

        shards = Shards(root / "shards")
        content = os.urandom(200_000)
        for index in range(1000):
            shards.write(index, "key", {store.part_name(index): content}, Counts(128, 128))
        print(f"resume check of 1,000 shards of 0.2 MB: {seconds(lambda: [shards.find(n, 'key') for n in range(1000)]):.2f} s")

        one = peak(write_rows(root / "one.jsonl", 1000), root / "one")
        ten = peak(write_rows(root / "ten.jsonl", 10_000), root / "ten")
        print(
            f"peak memory of reading and a stage: {one:.0f} MiB for 1,000 rows, {ten:.0f} MiB for 10,000 ({ten / one - 1:+.1%})"
        )


if __name__ == "__main__":
    import pipeline  # workers find the stage by the name of its module, and it is not __main__ there

    pipeline.main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000)

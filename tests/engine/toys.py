"""Stages that misbehave on command: the last line of a row's response says how."""

import ctypes
import hashlib
import json
import os
import re
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from codeblock.config import ReadSettings
from codeblock.data.read import read

SCHEMA = pa.schema(
    [pa.field("id", pa.string(), nullable=False), pa.field("reason", pa.string()), pa.field("digest", pa.string())]
)


def misbehave(how: str) -> None:
    match how:
        case "sleep":
            time.sleep(3600)
        case "loop":
            while True:
                pass
        case "loop in C":
            re.match(r"(a+)+$", "a" * 64 + "b")
        case "crash":
            ctypes.string_at(0)
        case "exit":
            os._exit(3)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "memory":
            bytearray(1 << 40)
        case "much memory":
            [bytearray(1 << 24) for _ in range(1 << 20)]
        case "raise":
            raise IndexError("no such item")
        case _:
            pass


@dataclass(frozen=True)
class Toy:
    """Hashes each response. Odd: rejects those that end in ``reject``."""

    column: str = "digest"
    version: int = 1
    seconds: float = 0.0  # of sleep per row
    pids: Path | None = None  # file to which each setup and each call adds its process
    broken: str = ""

    @property
    def name(self) -> str:
        return "toy"

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([*list(SCHEMA)[:2], pa.field(self.column, pa.string())])

    def fingerprint(self) -> Mapping[str, Any]:
        return {"version": self.version, "column": self.column}

    def setup(self) -> None:
        self._note("setup")
        misbehave(self.broken)

    def _note(self, event: str) -> None:
        if self.pids is not None:
            with self.pids.open("a") as file:
                file.write(f"{event} {os.getpid()}\n")

    def __call__(self, batch: pa.Table) -> pa.Table:
        self._note("call")
        if self.broken == "drops a row":
            batch = batch.slice(1)
        rows = []
        for row in batch.to_pylist():
            text = row["messages"][-1]["content"]
            how = text.rpartition("\n")[2]
            time.sleep(self.seconds)
            misbehave(how)
            digest = hashlib.sha256(text.encode()).hexdigest() * 20
            rows.append({"id": row["id"], "reason": "asked_for" if how == "reject" else None, self.column: digest})
        return pa.Table.from_pylist(rows, schema=self.schema)


def write_input(path: Path, hows: Mapping[int, str] | None = None, *, count: int = 40) -> Path:
    """A file of so many rows, some of which make `Toy` misbehave."""
    lines = []
    for n in range(count):
        answer = f"answer {n}\n{(hows or {}).get(n, '')}"
        lines.append(json.dumps({"id": f"row-{n}", "prompt": "question", "completion": answer}))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))
    return path


def read_samples(path: Path, directory: Path, *, shard_rows: int = 16) -> Path:
    """The sample shards of that file."""
    read([path], ReadSettings.model_validate({"shard_rows": shard_rows}), directory)
    return directory


def write_samples(directory: Path, hows: Mapping[int, str] | None = None, *, count: int = 40, shard_rows: int = 16) -> Path:
    """Both in one directory."""
    path = write_input(directory / "data.jsonl", hows, count=count)
    return read_samples(path, directory / "samples", shard_rows=shard_rows)


def tree(root: Path) -> dict[str, bytes]:
    """Content of all files but the lock."""
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file() and p.name != ".lock"}

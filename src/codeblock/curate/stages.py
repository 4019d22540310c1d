"""What curation knows of each sample by itself, as stages of the pipeline: content, quality, embedding."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from codeblock.analyze.stage import VERSION as ANALYSIS_VERSION
from codeblock.curate.benchmarks import load_tasks
from codeblock.curate.decontaminate import Decontaminator
from codeblock.curate.duplicates import BANDS, band_hashes
from codeblock.curate.embed import Embedder
from codeblock.curate.quality import Measured, Row, find_sources
from codeblock.curate.text import content_hash, response_texts, whole_text
from codeblock.languages import fingerprint as language_fingerprint
from codeblock.languages import languages, load

_BATCH = 256  # texts in memory as sets of shingles

CONTENT = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("content", pa.binary(16)),  # see `content_hash`
        pa.field("bands", pa.binary(8 * BANDS)),  # see `band_hashes`, little-endian
        pa.field("response_bytes", pa.int64()),
        pa.field("task", pa.string()),  # the benchmark task that it holds
        pa.field("task_part", pa.string()),
        pa.field("task_share", pa.float64()),
    ]
)
QUALITY = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("quality", pa.list_(pa.float64())),  # one value per source; null is missing
        pa.field("notes", pa.list_(pa.string())),  # ``source:what``
    ]
)


class ContentStage:
    """`schemas.SAMPLES` to what duplicates and leaks are found by.

    A sample that holds a benchmark task is dropped as ``benchmark_overlap``; the columns say which.

    Args:
        benchmarks: files of tasks.
        overlap: see `Decontaminator`.
    """

    name = "content"
    schema = CONTENT

    def __init__(self, benchmarks: Sequence[Path], overlap: float) -> None:
        self._benchmarks = tuple(benchmarks)
        self._overlap = overlap
        self._decontaminator: Decontaminator | None = None

    def fingerprint(self) -> Mapping[str, Any]:
        """Return what the output depends on besides the input."""
        return {
            "version": 1,
            "rensa": metadata.version("rensa"),
            "benchmarks": [hashlib.sha256(path.read_bytes()).hexdigest() for path in self._benchmarks],
            "overlap": self._overlap,
        }

    def setup(self) -> None:
        """Read the benchmarks."""
        self._decontaminator = Decontaminator((t for path in self._benchmarks for t in load_tasks(path)), self._overlap)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Hash the samples of a batch and look for tasks in them."""
        assert self._decontaminator is not None, "ContentStage.setup was not called"
        rows: list[dict[str, Any]] = []
        for begin in range(0, batch.num_rows, _BATCH):
            part = batch.slice(begin, _BATCH)
            conversations = part["messages"].to_pylist()
            bands = band_hashes(map(whole_text, conversations))
            for identifier, messages, band in zip(part["id"].to_pylist(), conversations, bands, strict=True):
                found = self._decontaminator.find([m["content"] for m in messages])
                row = {
                    "id": identifier,
                    "content": content_hash(messages),
                    "bands": band.astype("<u8").tobytes(),
                    "response_bytes": sum(len(text.encode()) for text in response_texts(messages)),
                }
                if found is not None:
                    row |= {"task": found.task, "task_part": found.part, "task_share": found.share, "reason": "benchmark_overlap"}
                rows.append(row)
        return pa.Table.from_pylist(rows, schema=CONTENT)


class QualityStage:
    """`schemas.SAMPLES` to the values of quality sources.

    Args:
        names: of the sources; those that a model gives stay missing here.
        seconds: CPU time that parsing one sample may take.
    """

    name = "quality"
    schema = QUALITY

    def __init__(self, names: Sequence[str], seconds: float) -> None:
        self._names = tuple(names)
        self._seconds = seconds

    @property
    def parses(self) -> bool:
        """Whether code is parsed."""
        return "heuristics" in self._names

    def fingerprint(self) -> Mapping[str, Any]:
        """Return what the output depends on besides the input."""
        made_of: dict[str, Any] = {"version": 1, "sources": self._names}
        if self.parses:
            made_of |= {"seconds": self._seconds, "analysis": ANALYSIS_VERSION, "languages": language_fingerprint()}
        return made_of

    def setup(self) -> None:
        """Load the grammars, where code is parsed."""
        if self.parses:
            for language in languages():
                load(language)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Measure the samples of a batch, each by itself."""
        columns = (batch[name].to_pylist() for name in ("id", "messages", "extra"))
        return pa.Table.from_pylist([self._row(*values) for values in zip(*columns, strict=True)], schema=QUALITY)

    def _row(self, identifier: str, messages: list[dict[str, str]], extra: str) -> dict[str, Any]:
        row = Row(messages, json.loads(extra), self._seconds)
        measured = [Measured(None) if s.measure is None else s.measure(row) for s in find_sources(self._names)]
        notes = [f"{name}:{note}" for name, one in zip(self._names, measured, strict=True) for note in one.notes]
        return {"id": identifier, "quality": [one.value for one in measured], "notes": notes}


class EmbedStage:
    """`schemas.SAMPLES` to one vector per sample, of all its turns.

    A sample whose text says nothing to the embedder is dropped as ``no_embedding``.

    Attributes:
        light: whether several processes may run it at once.

    Args:
        embedder: makes the vectors.
        sample: gives the texts that an embedder which learns may learn from.
        sample_hash: of those texts; None for an embedder that does not learn.
    """

    name = "embedding"
    schema = pa.schema(
        [pa.field("id", pa.string(), nullable=False), pa.field("reason", pa.string()), pa.field("vector", pa.binary())]
    )

    def __init__(self, embedder: Embedder, sample: Callable[[], Sequence[str]], sample_hash: str | None) -> None:
        self.light = embedder.light
        self._embedder = embedder
        self._sample = sample
        self._sample_hash = sample_hash

    def fingerprint(self) -> Mapping[str, Any]:
        """Return what the output depends on besides the input."""
        return {"version": 1, **self._embedder.fingerprint(), "learnt_from": self._sample_hash}

    def setup(self) -> None:
        """Load the embedder."""
        self._embedder.setup(self._sample)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Embed the samples of a batch, each by itself; a vector is little-endian float32."""
        vectors = self._embedder.embed([whole_text(messages) for messages in batch["messages"].to_pylist()])
        says = [bool(vector.any()) for vector in vectors]
        return pa.table(
            {
                "id": batch["id"],
                "reason": pa.array([None if yes else "no_embedding" for yes in says], pa.string()),
                "vector": pa.array([v.astype("<f4").tobytes() for v in np.ascontiguousarray(vectors)], pa.binary()),
            },
            schema=self.schema,
        )

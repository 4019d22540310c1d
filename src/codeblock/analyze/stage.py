"""Analysis as a stage of the pipeline."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import pyarrow as pa

from codeblock import schemas
from codeblock.analyze.analyze import analyze
from codeblock.errors import AnalysisError, AnalysisTimeout, ResponseTooLarge
from codeblock.languages import fingerprint, load_all

VERSION = 6
"""Of the code in `codeblock.analyze`; counted up with every change of its results."""


class AnalyzeStage:
    """`schemas.SAMPLES` to `schemas.ANALYSIS`, row by row.

    A sample that cannot be analysed is dropped with the reason ``analysis_timeout``, ``response_too_large`` or
    ``analysis_error``. One without code is kept: it has segments and no items.

    Args:
        seconds: CPU time that one sample may take.
        max_bytes: length that one response may have.
    """

    name = "analysis"
    schema = schemas.ANALYSIS

    def __init__(self, seconds: float = 2.0, max_bytes: int = 1_000_000) -> None:
        self._seconds = seconds
        self._max_bytes = max_bytes

    def fingerprint(self) -> Mapping[str, Any]:
        """Return what the output depends on besides the input."""
        return {
            "version": VERSION,
            "seconds": self._seconds,
            "max_bytes": self._max_bytes,
            "languages": fingerprint(),
            "tree_sitter": metadata.version("tree-sitter"),
        }

    def setup(self) -> None:
        """Load the language packs."""
        load_all()

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Analyse a batch; the result of a row depends on nothing but its messages."""
        collecting = gc.isenabled()
        gc.disable()  # millions of small objects without cycles: collecting costs 10 % and finds nothing
        try:
            rows = [
                self._row(identifier, reason, messages)
                for identifier, reason, messages in zip(
                    batch["id"].to_pylist(), batch["reason"].to_pylist(), batch["messages"].to_pylist(), strict=True
                )
            ]
        finally:
            if collecting:
                gc.enable()
        return pa.Table.from_pylist(rows, schema=self.schema)

    def _row(self, identifier: str, reason: str | None, messages: list[dict[str, str]] | None) -> dict[str, Any]:
        """One row of the output."""
        row: dict[str, Any] = {"id": identifier, "reason": reason}
        if reason is not None or messages is None:
            return row
        responses = [m["content"] for m in messages if m["role"] == "assistant"]
        try:
            analysis = analyze(responses, seconds=self._seconds, max_bytes=self._max_bytes)
        except AnalysisTimeout:
            return row | {"reason": "analysis_timeout"}
        except ResponseTooLarge:
            return row | {"reason": "response_too_large"}
        except AnalysisError:
            return row | {"reason": "analysis_error"}
        return row | schemas.analysis_to_row(analysis)

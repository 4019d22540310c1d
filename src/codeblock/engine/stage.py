"""What every stage is: a function from a table to a table that keeps its rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import pyarrow as pa


class Stage(Protocol):
    """One step of the pipeline.

    A stage is created in the main process and may be pickled to workers before `setup`, so what it loads belongs into `setup`.
    """

    @property
    def name(self) -> str:
        """What the stage is called in reports, reasons and directories."""
        ...

    @property
    def schema(self) -> pa.Schema:
        """Of its output; begins with the columns `id` and `reason`."""
        ...

    def fingerprint(self) -> Mapping[str, Any]:
        """Return, as JSON, all that the output depends on besides the input: settings, versions, hashes of models, grammars."""
        ...

    def setup(self) -> None:
        """Load what the stage needs; called once in each process that runs it, and not at all when nothing is left to do."""
        ...

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return one row per row of `batch`, in the same order, with the same `id`; a non-null `reason` drops the row.

        `batch` holds only rows that no earlier stage dropped. The result for a row must not depend on the other rows.
        """
        ...

"""How hard a frozen model finds whole samples, as a stage of curation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from codeblock.config import ScoreSettings
from codeblock.schemas import list_values
from codeblock.scoring.gce import gce
from codeblock.scoring.stage import ScoreStage
from codeblock.types import Float64, Int64

_Q = 0.7  # of the mean GCE


class DifficultyStage:
    """`schemas.SAMPLES` to the mean GCE of each sample's response tokens, and its instruction-following difficulty.

    That is the mean loss of the responses divided by their mean loss where all other turns are empty (arXiv 2308.12032): below 1
    the instruction helps. It is null where the template refuses empty turns. Rows are dropped for the reasons of `ScoreStage`.

    Args:
        settings: which model, and how it runs.
        ifd: whether the second forward pass is made; the difficulty is null otherwise.
    """

    name = "difficulty"
    schema = pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("reason", pa.string()),
            pa.field("mean_gce", pa.float64()),
            pa.field("ifd", pa.float64()),
        ]
    )

    def __init__(self, settings: ScoreSettings, *, ifd: bool) -> None:
        self._score = ScoreStage(settings)
        self._ifd = ifd

    def fingerprint(self) -> Mapping[str, Any]:
        """Return what the output depends on besides the input."""
        return {"version": 1, "ifd": self._ifd, "q": _Q, **self._score.fingerprint()}

    def setup(self) -> None:
        """Load the model."""
        self._score.setup()

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Score the samples of a batch, with and without their instructions."""
        scores = self._score(batch)
        offsets, nll = _losses(scores)
        ratio = np.full(batch.num_rows, np.nan)
        if self._ifd:
            alone = _means(*_losses(self._score(_without_instructions(batch))))
            np.divide(_means(offsets, nll), alone, out=ratio, where=alone > 0)
        return pa.table(
            {
                "id": batch["id"],
                "reason": scores["reason"],
                "mean_gce": pa.array(_means(offsets, gce(nll, _Q)), from_pandas=True),
                "ifd": pa.array(ratio, from_pandas=True),
            },
            schema=self.schema,
        )


def _losses(scores: pa.Table) -> tuple[Int64, Float64]:
    """[N + 1] where each row's losses begin, and the losses."""
    offsets, values = list_values(scores["nll"].combine_chunks())
    return offsets.astype(np.int64), values.astype(np.float64)


def _means(offsets: Int64, values: Float64) -> Float64:
    """[N] mean of each row's values; NaN for dropped rows."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    counts = np.diff(offsets)
    return np.divide(np.diff(sums[offsets]), counts, out=np.full(len(counts), np.nan), where=counts > 0)


def _without_instructions(batch: pa.Table) -> pa.Table:
    """The batch with every turn emptied that is no response."""
    emptied = [
        [m if m["role"] == "assistant" else {**m, "content": ""} for m in messages] for messages in batch["messages"].to_pylist()
    ]
    place = batch.column_names.index("messages")
    return batch.set_column(place, "messages", pa.array(emptied, batch.schema.field("messages").type))

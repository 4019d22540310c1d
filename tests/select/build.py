"""Scored samples written by hand, for tests of selection."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from codeblock.schemas import ANALYSIS, SAMPLES, SCORES, analysis_to_row, sample_to_row
from codeblock.select.sample import ScoredSample, scored_samples
from codeblock.types import Analysis, Message, Sample, responses

TOKEN = re.compile(rb" ?\w+|\s+|[^\w\s]")
"""A toy tokenizer: words with the space before them, runs of white space, single marks."""


def tables(
    sample: Sample, analysis: Analysis, nll: Callable[[bytes], float], prompt: int = 3, reason: str | None = None
) -> tuple[pa.Table, pa.Table, pa.Table]:
    """One row of each stage. Input ids: `prompt` zeros, then per response its tokens, counted from 1, and an end-of-turn 99."""
    ids, end_of_turn = [0] * prompt, []
    position, response, start, end, scores = [], [], [], [], []
    for n, text in enumerate(responses(sample)):
        for match in TOKEN.finditer(text.encode()):
            position.append(len(ids))
            ids.append(len(position))
            response.append(n)
            start.append(match.start())
            end.append(match.end())
            scores.append(nll(match.group()))
        end_of_turn.append(len(ids))
        ids.append(99)
    row = {"id": sample.id, "reason": reason}
    score = {
        "input_ids": ids, "end_of_turn": end_of_turn, "position": position,
        "response": response, "start": start, "end": end, "nll": scores,
    }  # fmt: skip
    return (
        pa.Table.from_pylist([sample_to_row(sample) | row], schema=SAMPLES),
        pa.Table.from_pylist([analysis_to_row(analysis) | row], schema=ANALYSIS),
        pa.Table.from_pylist([row if reason else row | score], schema=SCORES),
    )


def scored(text: str | Sequence[str], analysis: Analysis, nll: Callable[[bytes], float], id: str = "a") -> ScoredSample:
    texts = [text] if isinstance(text, str) else text
    sample = Sample(id, (Message("user", "?"), *(Message("assistant", t) for t in texts)))
    (one,) = scored_samples(*tables(sample, analysis, nll))
    assert one is not None
    return one


def random_nll(seed: int) -> Callable[[bytes], float]:
    """A different random score for every token."""
    random = np.random.default_rng(seed)
    return lambda _: float(np.float32(random.exponential()))

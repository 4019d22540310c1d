"""Quality of single samples, from whatever the data carries (METHOD A).

A source gives a number, larger is better, or None where the row does not say; and notes on what it saw, which are counted.
Missing is missing, never 0. Numbers become *classes*, in which scarcity decides: a source's own steps, or quantiles of the pool.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

import numpy as np

from codeblock.analyze.deadline import Deadline
from codeblock.analyze.segment import Block, segment
from codeblock.curate.text import Turns, response_texts
from codeblock.errors import AnalysisTimeout, UsageError, nearest
from codeblock.languages import languages, load
from codeblock.types import Float64, Int64, SegmentKind

COLUMN = "column:"
"""Prefix of the sources that read a numeric field of the row."""

_JUDGE_SCORES = (1.0, 5.0)
_SMALL_PROGRAM = 10  # core tokens, up to which a response is too small to teach anything
_SHORT_LINE = 12  # characters, below which a line may repeat
_REPEATED = 0.3  # share of longer lines that may repeat an earlier one

_FILLER = re.compile(
    r"(?:#|//|/\*|<!--|--)\s*(?:\.\.\.|…|TODO|FIXME|your (?:code|logic|implementation)|(?:the )?rest of (?:the|your)\b"
    r"|(?:add|put|write|insert|implement) (?:your|the|code|logic|more|this|it)\b[^\n]{0,40}here|implementation (?:goes )?here"
    r"|(?:other|existing|remaining|same|previous) (?:code|methods?|functions?|logic|implementation)\b)"
    r"|raise NotImplementedError|throw new (?:NotImplementedException|UnsupportedOperationException)\b"
    r"|\b(?:todo|unimplemented)!\(",
    re.IGNORECASE,
)


class Fault(StrEnum):
    """What is wrong with a row's quality. The value is missing, but for `NUMBER_AS_TEXT`, which is understood."""

    ABSENT = "absent"  # the row has no such field, or null in it
    NOT_A_NUMBER = "not_a_number"  # no number, or NaN or infinity, also as text
    NUMBER_AS_TEXT = "number_as_text"  # "0.9" for 0.9
    OUT_OF_RANGE = "out_of_range"  # beyond the scale of the source
    MALFORMED_JSON = "malformed_json"  # a text that should hold JSON of a known shape
    TIMEOUT = "timeout"  # its code could not be parsed in time


class Check(StrEnum):
    """The model-free checks, as noted where a response fails one."""

    NO_CODE = "no_code"  # no code of a known language, or too little
    DAMAGED = "damaged"  # the code has syntax errors
    TRUNCATED = "truncated"  # it ends inside a fence, a bracket or a string
    FILLER = "filler"  # it says that code is left out
    REPETITIVE = "repetitive"  # many lines repeat earlier ones


@dataclass(frozen=True, slots=True)
class Row:
    """What a source may look at: the conversation, and the row's further fields."""

    messages: Turns
    extra: Mapping[str, Any]
    seconds: float = 2.0


@dataclass(frozen=True, slots=True)
class Measured:
    """A source's value, None where it is missing, and what there is to note about it."""

    value: float | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A quality source.

    Attributes:
        measure: the value of one row; None where a scoring model gives it.
        step: width of its classes; None cuts the pool into quantiles.
    """

    measure: Callable[[Row], Measured] | None
    step: float | None


def pass_fraction(row: Row) -> Measured:
    """Share of unit tests that the response passes: `average_test_score`, or counted in `tests_execution_status`."""
    if row.extra.get("average_test_score") is not None:
        return read_number(row.extra["average_test_score"], 0.0, 1.0)
    status = row.extra.get("tests_execution_status")
    if status is None:
        return Measured(None, (Fault.ABSENT,))
    outcomes = _json(status)
    if not isinstance(outcomes, list) or not outcomes or not all(isinstance(o, str) for o in outcomes):
        return Measured(None, (Fault.MALFORMED_JSON,))
    return Measured(sum(o.lower() in ("pass", "passed") for o in outcomes) / len(outcomes))


def judge_score(row: Row, combine: Callable[[Sequence[float]], float]) -> Measured:
    """The scores (1 to 5) of OpenCodeInstruct's `llm_judgement`, combined."""
    judgement = row.extra.get("llm_judgement")
    if judgement is None:
        return Measured(None, (Fault.ABSENT,))
    criteria = _json(judgement)
    if not isinstance(criteria, dict) or not criteria or not all(isinstance(c, dict) and "score" in c for c in criteria.values()):
        return Measured(None, (Fault.MALFORMED_JSON,))
    read = [read_number(criterion["score"], *_JUDGE_SCORES) for criterion in criteria.values()]
    notes = tuple(dict.fromkeys(note for one in read for note in one.notes))
    scores = [one.value for one in read if one.value is not None]
    return Measured(combine(scores) if len(scores) == len(read) else None, notes)


def column(row: Row, name: str) -> Measured:
    """A numeric field of the row."""
    return read_number(row.extra.get(name), -math.inf, math.inf)


def heuristics(row: Row) -> Measured:
    """How many of the checks in `Check` the responses pass, without any model; 0 to 5."""
    texts = response_texts(row.messages)
    for name in languages():  # once, which takes longer than parsing most samples, and is no part of this one
        load(name)
    deadline = Deadline(row.seconds)
    try:
        blocks = [segment(text.encode(), n, deadline) for n, text in enumerate(texts)]
    except AnalysisTimeout:
        return Measured(None, (Fault.TIMEOUT,))
    failed = _failed_checks("\n".join(texts), [block for response in blocks for block in response])
    return Measured(float(len(Check) - len(failed)), tuple(failed))


SOURCES: dict[str, Source] = {
    "heuristics": Source(heuristics, 1.0),
    "tests": Source(pass_fraction, 0.1),
    "judge-min": Source(partial(judge_score, combine=min), 1.0),
    "judge-mean": Source(partial(judge_score, combine=lambda scores: sum(scores) / len(scores)), 0.5),
    "gce-band": Source(None, 1.0),
}
"""Quality sources by name; ``column:NAME`` reads a numeric field."""


def quality_names(text: str) -> list[str]:
    """The names of quality sources in a text that separates them by commas."""
    return [name.strip() for name in text.split(",")]


def find_sources(names: Sequence[str]) -> list[Source]:
    """The sources of those names.

    Raises:
        UsageError: one does not exist, or is named twice.
    """
    found: list[Source] = []
    for name in names:
        if name.startswith(COLUMN) and len(name) > len(COLUMN):
            found.append(Source(partial(column, name=name.removeprefix(COLUMN)), None))
        elif name in SOURCES:
            found.append(SOURCES[name])
        else:
            known = ", ".join([*SOURCES, f"{COLUMN}NAME"])
            raise UsageError(f"unknown quality source {name!r}{nearest(name, SOURCES)} (known: {known})")
    if len(set(names)) < len(names):
        raise UsageError(f"a quality source is named twice in {', '.join(names)}")
    return found


def read_number(value: Any, low: float, high: float) -> Measured:
    """A number of a row: as such, or as the text of one."""
    if value is None:
        return Measured(None, (Fault.ABSENT,))
    notes: tuple[str, ...] = ()
    if isinstance(value, str):
        try:
            value, notes = float(value), (Fault.NUMBER_AS_TEXT,)
        except ValueError:
            return Measured(None, (Fault.NOT_A_NUMBER,))
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return Measured(None, (Fault.NOT_A_NUMBER,))
    return Measured(float(value), notes) if low <= value <= high else Measured(None, (Fault.OUT_OF_RANGE,))


def quality_classes(values: Float64, sources: Sequence[Source], quantiles: int) -> Int64:
    """Turn values into ordinal classes.

    Args:
        values: [N, S] of N samples under S sources; NaN is missing.
        sources: whose values the columns are.
        quantiles: classes of a source without steps of its own, unless it has no more distinct values than that.

    Returns:
        [N, S]; larger is better, missing is -1, below all others.
    """
    classes = np.full(values.shape, -1, dtype=np.int64)
    for number, source in enumerate(sources):
        known = np.isfinite(values[:, number])
        here = values[known, number]
        if not len(here):
            continue
        if source.step is not None:
            # 0.3 / 0.1 is a little less than 3
            floors = np.floor(here / source.step + 1e-9).astype(np.int64)
            classes[known, number] = floors - min(int(floors.min()), 0)
        else:
            edges = np.unique(here)
            if len(edges) > quantiles:
                edges = np.unique(np.sort(here)[np.arange(quantiles) * len(here) // quantiles])
            classes[known, number] = np.searchsorted(edges, here, side="right") - 1
    return classes


def _failed_checks(text: str, blocks: Sequence[Block]) -> list[str]:
    """Names of the checks that a sample's responses fail."""
    parses = [block.parsed for block in blocks if block.parsed is not None]
    lines = [line.strip() for line in text.splitlines() if len(line.strip()) >= _SHORT_LINE]
    failed = {
        Check.NO_CODE: sum(len(parsed.core) for parsed in parses) <= _SMALL_PROGRAM,
        Check.DAMAGED: any(parsed.error_bytes and parsed.cut is None for parsed in parses),
        Check.TRUNCATED: any(parsed.cut is not None or parsed.unfinished for parsed in parses) or any(map(_is_open, blocks)),
        Check.FILLER: _FILLER.search(text) is not None,
        Check.REPETITIVE: len(lines) - len(set(lines)) > _REPEATED * len(lines),
    }
    return [check.value for check, fails in failed.items() if fails]


def _is_open(block: Block) -> bool:
    """Whether a fenced block has no closing fence."""
    parts = block.segment
    return parts.kind is SegmentKind.CODE and bool(parts.markup) and parts.markup[-1].end <= parts.spans[-1].start


def _json(value: Any) -> Any:
    """A field that holds JSON, as text or parsed already; None where it is neither."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None

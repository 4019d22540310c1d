"""The data that flows through the stages, in the order in which it comes to be.

    Sample  --read-->  Analysis (segments, items, edges, signals)  --score-->  TokenScores  --select-->  Selection  -->  labels

Everything is immutable and plain. Unless said otherwise, spans are bytes of the UTF-8 encoding of *one response* of the sample,
and `response` counts the sample's responses (its assistant turns) from 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from codeblock.spans import ByteSpan

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation; `role` is ``system``, ``user`` or ``assistant``."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One instruction-response row of the input.

    Attributes:
        id: unique in a run.
        messages: the conversation; every ``assistant`` turn is a response.
        source: name of the input file, without its directory.
        row: number of the row in its source, from 0, counting unreadable rows too.
        extra: the row's other fields as a JSON object (tests, judge scores, ...), for stages that know them.
    """

    id: str
    messages: tuple[Message, ...]
    source: str = ""
    row: int = 0
    extra: str = "{}"


def responses(sample: Sample) -> tuple[str, ...]:
    """Return the sample's responses, the contents of its assistant turns, in order."""
    return tuple(m.content for m in sample.messages if m.role == "assistant")


class SegmentKind(StrEnum):
    """What a part of a response is."""

    PROSE = "prose"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Segment:
    """A maximal run of prose, or one code block, of a response.

    The spans and the markup of a response's segments tile the response.

    Attributes:
        response: which response.
        kind: prose or code. Code in a language that nobody knows is prose.
        language: name of the language pack, for code only.
        spans: the content. One span, or one per line where a container (a list item, a quote) indents the block.
        markup: the fence lines and container prefixes that belong to a code block; empty for prose and bare code.
    """

    response: int
    kind: SegmentKind
    language: str | None
    spans: tuple[ByteSpan, ...]
    markup: tuple[ByteSpan, ...] = ()


class ItemKind(StrEnum):
    """What a coding item is."""

    SIMPLE = "simple"  # a simple statement
    HEADER = "header"  # the header of a compound statement or clause
    DEFINITION = "definition"  # the header of a function or class, with its decorators
    INLINE = "inline"  # a compound statement whose suite stands on its header's line
    DOCSTRING = "docstring"  # a string that stands as a statement
    COMMENT = "comment"
    ERROR = "error"  # a line of a damaged region


CODE_KINDS = frozenset({ItemKind.SIMPLE, ItemKind.HEADER, ItemKind.DEFINITION, ItemKind.INLINE})
"""Kinds that are nodes of the data-flow graph and that selection may choose for themselves."""

PROSE_KINDS = frozenset({ItemKind.DOCSTRING, ItemKind.COMMENT})
"""Kinds whose words are ranked with the prose."""


class CodeItem(NamedTuple):
    """A syntactically closed unit of code: a syntax-tree node minus the items nested in it.

    Attributes:
        segment: index of its code segment in `Analysis.segments`.
        kind: what it is.
        node: the grammar's name of the node, e.g. ``if_statement``.
        spans: disjoint and ordered; trimmed of white space. Several where nested items lie between.
        core: spans of its core logic tokens, disjoint and ordered, inside `spans`.
        parent: index of the enclosing header in `Analysis.items`, None at the top of the block.
        depth: number of enclosing headers.
        line: first line in the response, from 1.
        end_line: last line, inclusive.
    """

    segment: int
    kind: ItemKind
    node: str
    spans: tuple[ByteSpan, ...]
    core: tuple[ByteSpan, ...]
    parent: int | None
    depth: int
    line: int
    end_line: int


class EdgeKind(StrEnum):
    """Why a value written by one item may be read by another."""

    FLOW = "flow"  # a definition reaches a use in the same frame
    CLOSURE = "closure"  # between a function and one nested in it
    CALL = "call"  # a call of a function or class defined in the program
    MUTATION = "mutation"  # x.a = ..., x[i] = ... seen by later uses of x
    ATTRIBUTE = "attribute"  # self.x, across the methods of a class


class Edge(NamedTuple):
    """Item `source` defines `variable`, and the definition may reach a use in item `target`."""

    source: int
    target: int
    variable: str
    kind: EdgeKind


@dataclass(frozen=True, slots=True)
class Analysis:
    """The structure of one sample's responses.

    Attributes:
        segments: in order of response and position; the spans and markup tile every response.
        items: the items of all code segments, in order of their first byte; disjoint, and together with white space they
            cover every byte of every code segment.
        edges: sorted by (source, target, variable, kind), without self-loops; never between responses or languages.
        reach: per item, in [0, 1]; 0 for items that are not code.
        bridge: per item, in [0, 1]; 0 for items that are not code.
    """

    segments: tuple[Segment, ...]
    items: tuple[CodeItem, ...]
    edges: tuple[Edge, ...]
    reach: tuple[float, ...]
    bridge: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class RenderedSample:
    """A conversation as the model sees it.

    Attributes:
        text: the rendered chat.
        responses: where each response lies, in bytes of `text`; without the white space around it that the template strips.
        stripped: bytes of white space that the template strips from the front of each response.
        input_ids: [T] token ids of `text`.
        token_starts: [T + 1] byte offset of each token in `text`; the tokens tile it, so the last entry is its length.
        end_of_turn: positions in `input_ids` of the token that ends each response's turn, at most one per response.
    """

    text: str
    responses: tuple[ByteSpan, ...]
    stripped: tuple[int, ...]
    input_ids: Int32
    token_starts: Int32
    end_of_turn: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TokenScores:
    """What the scoring model thinks of one sample's response tokens. All arrays are parallel, of length R.

    A token is a response token when its first byte lies in a response.

    Attributes:
        position: index in `input_ids`.
        response: which response it belongs to.
        start: first byte in that response.
        end: end in bytes of that response (clipped to the response's length).
        nll: -log p(token | all tokens before it), in nats, float32.
    """

    position: Int32
    response: Int32
    start: Int32
    end: Int32
    nll: Float32


@dataclass(frozen=True, slots=True)
class ItemScores:
    """Utility and priority of one sample's items (METHOD E to G). All arrays are parallel to `Analysis.items`.

    Attributes:
        tokens: number of model tokens that belong to the item.
        utility: U, aggregated GCE of its core tokens; 0 without core tokens and for items that are not code.
        gate: True where the utility reaches the threshold of its response.
        priority: P = U * (1 + gate * (alpha * reach + beta * bridge)).
    """

    tokens: Int32
    utility: Float64
    gate: Bool
    priority: Float64


class Verdict(StrEnum):
    """Why an item is supervised, or not. The last three hold whatever the budget."""

    CHOSEN = "chosen"  # for its own priority
    REQUIRED = "required"  # as the header of a chosen item
    BUDGET = "budget"  # others came first, or it did not fit
    NOTHING = "nothing"  # no core token, or every one of them certain
    WORDS = "words"  # a comment or docstring: single words are ranked with the prose
    DAMAGED = "damaged"  # in a damaged region


@dataclass(frozen=True, slots=True)
class Selection:
    """What is supervised of one sample.

    Attributes:
        supervised: [R] True for the response tokens that carry loss.
        end_of_turn: True where the sample's end-of-turn tokens carry loss too, outside the budget.
        scores: of the items.
        verdicts: why each item is supervised or not; None under strategies that choose tokens, not items.
    """

    supervised: Bool
    end_of_turn: bool
    scores: ItemScores
    verdicts: tuple[Verdict, ...] | None

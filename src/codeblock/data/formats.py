"""The shapes that instruction-response data comes in, each mapped to `Sample`.

A new shape is one line in `FORMATS`.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from codeblock.errors import UnknownFormatError, UsageError, nearest
from codeblock.types import Message, Sample

ID_FIELDS = ("id", "task_id", "sample_id", "uuid")
"""Fields that name a row, the first that holds a text or a whole number; ``<source>:<row>`` without any."""

_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
}
_TOOL_ROLES = frozenset({"tool", "function", "function_call", "observation", "ipython"})


class Reject(StrEnum):
    """Why a readable row is no sample. It stays in the samples' table with this reason."""

    MISSING_FIELD = "missing_field"  # a field of the shape, or of one of its turns, is absent or null
    NOT_TEXT = "not_text"  # a field of the shape holds something else than text (or turns)
    NO_INSTRUCTION = "no_instruction"  # no user turn with text before the first response
    NO_RESPONSE = "no_response"  # no assistant turn
    EMPTY_RESPONSE = "empty_response"  # an assistant turn without text
    UNKNOWN_ROLE = "unknown_role"  # a turn by somebody else than system, user, assistant
    TOOL_TURN = "tool_turn"  # a call of a tool or its answer: no chat template renders them all alike
    NUL_CHARACTER = "nul_character"  # U+0000: legal in JSON, but C libraries end the text there
    DUPLICATE_ID = "duplicate_id"  # a row kept earlier has this id


class RowRejected(Exception):
    """A row is no sample; `reason` says why. Raised and caught inside reading."""

    def __init__(self, reason: Reject) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Format:
    """One shape.

    Attributes:
        fields: the fields that make the shape, each with the names it goes by.
        convert: from the values of `fields`, then those of `optional` (None where absent), to the conversation.
        optional: fields that belong to the shape where they are present.
    """

    fields: tuple[tuple[str, ...], ...]
    convert: Callable[..., list[Message]]
    optional: tuple[str, ...] = ()


def _from_turns(turns: Any, system: Any = None) -> list[Message]:
    """A list of ``role``/``content`` or ``from``/``value`` turns, and an optional system prompt beside it."""
    messages = _turns(turns)
    if system is not None and _text(system).strip() and (not messages or messages[0].role != "system"):
        messages.insert(0, Message("system", system))
    return messages


def _from_pair(instruction: Any, response: Any, context: Any = None, system: Any = None) -> list[Message]:
    """Two texts. The `input` of an Alpaca row is the instruction's second paragraph."""
    text = _text(instruction)
    if context is not None and _text(context).strip():
        text = f"{text}\n\n{context}" if text.strip() else context
    messages = [Message("user", text), Message("assistant", _text(response))]
    if system is not None and _text(system).strip():
        messages.insert(0, Message("system", system))
    return messages


def _from_completion(prompt: Any, completion: Any) -> list[Message]:
    """Prompt and completion, each a text or a list of turns."""
    before = _turns(prompt) if isinstance(prompt, list) else [Message("user", _text(prompt))]
    after = _turns(completion) if isinstance(completion, list) else [Message("assistant", _text(completion))]
    return before + after


FORMATS: dict[str, Format] = {
    "messages": Format((("messages",),), _from_turns, ("system",)),
    "sharegpt": Format((("conversations", "conversation"),), _from_turns, ("system",)),
    "alpaca": Format((("instruction",), ("output", "response")), _from_pair, ("input", "system")),
    "query-response": Format((("query", "question", "problem"), ("response", "answer", "solution")), _from_pair),
    "prompt-completion": Format((("prompt",), ("completion",)), _from_completion),
    "opencodeinstruct": Format((("input",), ("output",)), _from_pair),
}
"""Known shapes. Where several fit a row, the first is meant."""


def find_format(name: str) -> Format:
    """Return the shape of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in FORMATS:
        raise UsageError(f"unknown format {name!r}{nearest(name, FORMATS)} (known: {', '.join(FORMATS)})")
    return FORMATS[name]


def detect_format(rows: Iterable[dict[str, Any]], source: str) -> str:
    """Return the name of the shape that fits most of the rows.

    Raises:
        UnknownFormatError: no shape fits any row.
    """
    rows = list(rows)
    fits = {name: sum(_fits(row, form) for row in rows) for name, form in FORMATS.items()}
    best = max(fits, key=lambda name: fits[name])
    if fits[best] == 0:
        found = ", ".join(dict.fromkeys(field for row in rows for field in row)) or "none"
        known = "\n".join(f"  {name}: {_describe(form)}" for name, form in FORMATS.items())
        raise UnknownFormatError(
            f"{source} has no known shape. Fields found: {found}. Shapes known:\n{known}\nRename its fields to those of a shape."
        )
    return best


def row_id(row: dict[str, Any], source: str, number: int) -> tuple[str, str | None]:
    """The id of a row, and the field it comes from."""
    for field in ID_FIELDS:
        value = row.get(field)
        if (isinstance(value, str) and value.strip()) or (isinstance(value, int) and not isinstance(value, bool)):
            return str(value), field
    return f"{source}:{number}", None


def to_sample(row: dict[str, Any], form: Format, source: str, number: int) -> Sample:
    """Map a row to a sample. Fields that are not part of the shape go to `Sample.extra`.

    Raises:
        RowRejected: it is none.
    """
    names = [next((n for n in alternatives if row.get(n) is not None), None) for alternatives in form.fields]
    if None in names:
        raise RowRejected(Reject.MISSING_FIELD)
    used = [name for name in (*names, *form.optional) if name is not None]
    messages = form.convert(*(row.get(name) for name in used))
    _check(messages)
    identifier, id_field = row_id(row, source, number)
    extra = {name: value for name, value in row.items() if name not in used and name != id_field}
    return Sample(identifier, tuple(messages), source, number, _to_json(extra))


def _check(messages: list[Message]) -> None:
    """Refuse conversations that nothing can be learnt from."""
    roles = [message.role for message in messages]
    if "assistant" not in roles:
        raise RowRejected(Reject.NO_RESPONSE)
    if not any(m.role == "user" and m.content.strip() for m in messages[: roles.index("assistant")]):
        raise RowRejected(Reject.NO_INSTRUCTION)
    if not all(m.content.strip() for m in messages if m.role == "assistant"):
        raise RowRejected(Reject.EMPTY_RESPONSE)
    if any("\0" in m.content for m in messages):
        raise RowRejected(Reject.NUL_CHARACTER)


def _turns(turns: Any) -> list[Message]:
    if not isinstance(turns, list):
        raise RowRejected(Reject.NOT_TEXT)
    return [_turn(turn) for turn in turns]


def _turn(turn: Any) -> Message:
    if not isinstance(turn, dict):
        raise RowRejected(Reject.NOT_TEXT)
    role = turn.get("role", turn.get("from"))
    if role is None:
        raise RowRejected(Reject.MISSING_FIELD)
    if not isinstance(role, str):
        raise RowRejected(Reject.UNKNOWN_ROLE)
    if role in _TOOL_ROLES or turn.get("tool_calls") or turn.get("function_call"):
        raise RowRejected(Reject.TOOL_TURN)
    if role not in _ROLES:
        raise RowRejected(Reject.UNKNOWN_ROLE)
    return Message(_ROLES[role], _text(turn.get("content", turn.get("value"))))


def _text(value: Any) -> str:
    if value is None:
        raise RowRejected(Reject.MISSING_FIELD)
    if not isinstance(value, str):
        raise RowRejected(Reject.NOT_TEXT)
    return value


def _fits(row: dict[str, Any], form: Format) -> bool:
    # a column that only other rows fill is null in Parquet
    return all(any(row.get(name) is not None for name in alternatives) for alternatives in form.fields)


def _describe(form: Format) -> str:
    required = [" or ".join(alternatives) for alternatives in form.fields]
    return ", ".join(required + [f"{name} (optional)" for name in form.optional])


def _to_json(extra: dict[str, Any]) -> str:
    """Strict JSON. Parquet holds values that JSON has not: NaN becomes null, bytes base64, dates and decimals their text."""
    try:
        return json.dumps(extra, ensure_ascii=False, allow_nan=False, default=_plain)
    except ValueError:
        return json.dumps(_without_nan(extra), ensure_ascii=False, allow_nan=False, default=_plain)


def _plain(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(v) for v in value]
    return value

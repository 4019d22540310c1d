"""How values cross between a solution and its tests: tagged JSON, decoded to plain builtin values only.

What the other side sends is never trusted: frames have a size limit, decoding makes nothing but the types listed in
`_DECODERS`, and whatever else a solution returns crosses as a `Handle`, a number under which it stays where it was made.
"""

from __future__ import annotations

import builtins
import collections
import datetime
import decimal
import fractions
import json
import re
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

MAX_FRAME = 4 << 20
_MAX_DEPTH = 200
_HEADER = struct.Struct(">I")
_PLAIN_INT = 1 << 53
_HEX = re.compile(r"-?0x[0-9a-f]+")


class ProtocolError(Exception):
    """The other side sent what no correct program sends."""


class TooLarge(ValueError):
    """A value is too large to cross."""


class Ended(Exception):
    """The other side is gone."""


@dataclass(frozen=True, slots=True)
class Handle:
    """A value that cannot cross; `number` names it in the process where it lives."""

    number: int


def send(channel: socket.socket, message: dict[str, Any]) -> None:
    """Send one frame.

    Raises:
        TooLarge: it is larger than `MAX_FRAME`.
        Ended: nobody reads any more.
    """
    body = json.dumps(message, separators=(",", ":")).encode()
    if len(body) > MAX_FRAME:
        raise TooLarge(f"{len(body):,} bytes are more than the {MAX_FRAME:,} that may cross at once")
    try:
        channel.sendall(_HEADER.pack(len(body)) + body)
    except OSError as error:
        raise Ended(str(error)) from None


def receive(channel: socket.socket) -> dict[str, Any]:
    """Receive one frame.

    Raises:
        Ended: the other side closed the channel, perhaps in the midst of a frame.
        ProtocolError: the frame is too large, or no JSON object.
    """
    (size,) = _HEADER.unpack(_exactly(channel, _HEADER.size))
    if size > MAX_FRAME:
        raise ProtocolError(f"a frame of {size:,} bytes")
    try:
        message = json.loads(_exactly(channel, size))
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a frame that is no JSON: {type(error).__name__}") from None
    if type(message) is not dict:
        raise ProtocolError("a frame that is no object")
    return cast(dict[str, Any], message)


def _exactly(channel: socket.socket, size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        try:
            part = channel.recv(min(size, 1 << 16))
        except OSError as error:
            raise Ended(str(error)) from None
        if not part:
            raise Ended("closed")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def check_size(value: Any) -> None:
    """Raise `TooLarge` for a nested value with more elements than a frame has room for, before it is encoded."""
    room = MAX_FRAME // 2  # an element and its comma
    waiting = [value]
    while waiting:
        item = waiting.pop()
        kind: type = type(item)
        if kind is list or kind is tuple or kind is set or kind is frozenset or kind is dict:
            room -= len(item)
            if room < 0:
                raise TooLarge(f"more than {MAX_FRAME // 2:,} elements cannot cross at once")
            waiting.extend(item.values() if kind is dict else item)


_TYPE_NAMES = {name for name, value in vars(builtins).items() if isinstance(value, type)}
_SEQUENCES: dict[str, type] = {"l": list, "t": tuple, "s": set, "z": frozenset, "q": collections.deque}
_MAPPINGS: dict[str, type] = {"d": dict, "o": collections.OrderedDict, "k": collections.Counter, "f": collections.defaultdict}


def encode(value: Any, keep: Callable[[Any], int], depth: int = 0) -> Any:
    """Return a value in the form that `decode` reads.

    Subclasses of the builtin types cross as their base: a named tuple as a tuple, a NumPy scalar as a number.

    Args:
        value: anything.
        keep: stores what cannot cross and returns its number.
        depth: of nesting so far; what lies deeper than 200 levels cannot cross.
    """
    kind: type = type(value)
    if value is None or kind is bool or kind is str:
        return value
    if kind is int:
        return value if -_PLAIN_INT < value < _PLAIN_INT else {"i": hex(value)}
    if kind is float:
        return value if value - value == 0 else {"n": repr(value)}
    if depth < _MAX_DEPTH:
        for tag, sequence in _SEQUENCES.items():
            if kind is sequence:
                items = [encode(item, keep, depth + 1) for item in value]
                return items if tag == "l" else {tag: items}
        for tag, mapping in _MAPPINGS.items():
            if kind is mapping:
                return {tag: [[encode(k, keep, depth + 1), encode(v, keep, depth + 1)] for k, v in value.items()]}
    return _encode_rare(value, kind, keep, depth)


def _encode_rare(value: Any, kind: type, keep: Callable[[Any], int], depth: int) -> Any:
    if kind is complex:
        return {"c": [encode(value.real, keep), encode(value.imag, keep)]}
    if kind is bytes or kind is bytearray:
        return {"b" if kind is bytes else "a": value.hex()}
    if kind is range:
        return {"r": [encode(n, keep) for n in (value.start, value.stop, value.step)]}
    if kind is decimal.Decimal:
        return {"m": str(value)}
    if kind is fractions.Fraction:
        return {"p": [encode(value.numerator, keep), encode(value.denominator, keep)]}
    if kind is datetime.datetime or kind is datetime.date or kind is datetime.time:
        if getattr(value, "tzinfo", None) is None:
            return {"w": [kind.__name__, value.isoformat()]}
    elif kind is datetime.timedelta:
        return {"u": [value.days, value.seconds, value.microseconds]}
    elif value is Ellipsis:
        return {"e": 0}
    elif isinstance(value, type) and getattr(builtins, value.__name__, None) is value:
        return {"y": value.__name__}
    elif kind.__module__ == "numpy" and hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return encode(value.item(), keep, depth)
    elif depth < _MAX_DEPTH:
        for base in (bool, int, float, str, bytes, tuple, list, set, frozenset, dict):
            if isinstance(value, base):
                return encode(_as_base(value, base), keep, depth + 1)
    return {"h": keep(value)}


def _as_base(value: Any, base: Any) -> Any:
    """The value of an instance of a subclass, as the base class itself sees it."""
    if base is int:
        return int.__index__(value)
    if base is float:
        return float.__float__(value)
    if base is str:
        return str.__str__(value)
    return base(base.__iter__(value)) if base is not dict else dict(dict.items(value))


def decode(value: Any, depth: int = 0) -> Any:
    """Return the plain value that `encode` wrote.

    Raises:
        ProtocolError: it is not of that form.
    """
    kind = type(value)
    if value is None or kind is bool or kind is str or kind is int or kind is float:
        return value
    if depth > 2 * _MAX_DEPTH:
        raise ProtocolError("a value nested too deeply")
    if kind is list:
        return [decode(item, depth + 1) for item in value]
    if kind is not dict or len(value) != 1:
        raise ProtocolError("a value of no known form")
    ((tag, content),) = value.items()
    decoder = _DECODERS.get(tag)
    if decoder is None:
        raise ProtocolError(f"a value with the unknown tag {tag[:20]!r}")
    try:
        return decoder(content, depth + 1)
    except (TypeError, ValueError, LookupError, ArithmeticError) as error:
        raise ProtocolError(f"a malformed value: {type(error).__name__}") from None


def _of(kind: type, content: Any) -> Any:
    if type(content) is not kind:
        raise TypeError(f"no {kind.__name__}")
    return content


def _big_int(content: Any, _: int) -> int:
    if not _HEX.fullmatch(_of(str, content)):
        raise ValueError("no hexadecimal number")
    return int(content, 16)


def _special_float(content: Any, _: int) -> float:
    return {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}[_of(str, content)]


def _builtin_type(content: Any, _: int) -> type:
    if _of(str, content) not in _TYPE_NAMES:
        raise ValueError("no builtin type")
    return cast(type, getattr(builtins, content))


def _moment(content: Any, _: int) -> Any:
    kind, text = _of(list, content)
    classes: dict[str, Any] = {"datetime": datetime.datetime, "date": datetime.date, "time": datetime.time}
    return classes[_of(str, kind)].fromisoformat(_of(str, text))


def _sequence(kind: Any) -> Callable[[Any, int], Any]:
    return lambda content, depth: kind(decode(item, depth) for item in _of(list, content))


def _mapping(kind: Any) -> Callable[[Any, int], Any]:
    def build(content: Any, depth: int) -> Any:
        result = kind()
        for key, item in _of(list, content):
            result[decode(key, depth)] = decode(item, depth)
        return result

    return build


def _counted(content: Any, length: int, depth: int) -> list[Any]:
    if len(_of(list, content)) != length:
        raise ValueError(f"not {length} parts")
    return [_number(decode(item, depth)) for item in content]


def _number(value: Any) -> Any:
    if type(value) not in (int, float):
        raise TypeError("no number")
    return value


_DECODERS: dict[str, Callable[[Any, int], Any]] = {
    "i": _big_int,
    "n": _special_float,
    "c": lambda content, depth: complex(*_counted(content, 2, depth)),
    "b": lambda content, _: bytes.fromhex(_of(str, content)),
    "a": lambda content, _: bytearray.fromhex(_of(str, content)),
    "r": lambda content, depth: range(*_counted(content, 3, depth)),
    "m": lambda content, _: decimal.Decimal(_of(str, content)),
    "p": lambda content, depth: fractions.Fraction(*_counted(content, 2, depth)),
    "w": _moment,
    "u": lambda content, depth: datetime.timedelta(*_counted(content, 3, depth)),
    "e": lambda _, __: ...,
    "y": _builtin_type,
    "h": lambda content, _: Handle(_of(int, content)),
    **{tag: _sequence(kind) for tag, kind in _SEQUENCES.items() if tag != "l"},
    **{tag: _mapping(kind) for tag, kind in _MAPPINGS.items()},
}

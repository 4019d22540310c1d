import collections
import datetime
import decimal
import fractions
import math
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeblock.evaluate.sandbox.codec import MAX_FRAME, Ended, Handle, ProtocolError, decode, encode, receive, send


def through(value: Any) -> Any:
    """A value as it arrives on the other side, over a real socket."""
    kept: list[Any] = []

    def keep(unknown: Any) -> int:
        kept.append(unknown)
        return len(kept) - 1

    a, b = socket.socketpair()
    with a, b:
        send(a, {"value": encode(value, keep)})
        return decode(receive(b)["value"])


hashable = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner),
    max_leaves=5,
)
values = st.recursive(
    hashable
    | st.sets(hashable)
    | st.decimals(allow_nan=False)
    | st.fractions()
    | st.timedeltas()
    | st.datetimes(allow_imaginary=False).map(lambda d: d.replace(fold=0))
    | st.dates(),
    lambda inner: st.lists(inner) | st.dictionaries(hashable, inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@given(values)
def test_plain_values_arrive_as_they_were(value: Any) -> None:
    arrived = through(value)
    assert arrived == value
    assert type(arrived) is type(value)
    assert repr(arrived) == repr(value) or isinstance(value, set | frozenset | dict | list | tuple)


@pytest.mark.parametrize(
    "value",
    [
        collections.OrderedDict(b=1, a=2), collections.Counter("aab"), collections.deque([1, 2]), bytearray(b"ab"), range(3, 9, 2),
        10**5000, -(1 << 53), math.inf, int, ..., decimal.Decimal("1.10"), fractions.Fraction(1, 3), datetime.time(1, 2),
        {(1, 2): {frozenset({1}): [b"x"]}}, "\ud800",
    ],
    ids=lambda v: str(type(v).__name__),
)  # fmt: skip
def test_rare_types_arrive_as_they_were(value: Any) -> None:
    arrived = through(value)
    assert arrived == value
    assert type(arrived) is type(value)


def test_nan_arrives() -> None:
    assert math.isnan(through(float("nan")))


def test_subclasses_arrive_as_their_base() -> None:
    class Liar(int):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = int.__hash__

    point = collections.namedtuple("point", "x y")
    assert [type(through(v)) for v in (Liar(3), point(1, 2))] == [int, tuple]
    assert through(Liar(3)) != 4


def test_what_cannot_cross_becomes_a_handle() -> None:
    assert through([object(), lambda: 0, (n for n in ())]) == [Handle(0), Handle(1), Handle(2)]


@pytest.mark.parametrize(
    "encoded",
    [
        {"t": 1}, {"t": [], "s": []}, {}, {"evil": 1}, {"i": "12"}, {"i": 12}, {"i": "0x" + "g"}, {"n": "1"}, {"n": []}, {"b": "abc"},
        {"c": ["a", "b"]}, {"r": [0, 9, 0]}, {"p": [1, 0]}, {"m": "one"}, {"w": ["eval", "1"]}, {"w": 4}, {"u": [1 << 52, 0, 0]},
        {"y": "print"}, {"y": "nothing"}, {"h": "0"}, {"s": [[]]}, {"d": [[[], 1]]}, {"d": [1]}, {"k": [[1]]},
    ],
    ids=str,
)  # fmt: skip
def test_malformed_values_are_refused(encoded: Any) -> None:
    with pytest.raises(ProtocolError):
        decode(encoded)


def test_deep_values_are_refused() -> None:
    deep: Any = 1
    for _ in range(450):
        deep = [deep]
    with pytest.raises(ProtocolError, match="nested"):
        decode(deep)


@pytest.mark.parametrize("sent", [b"\xff\xff\xff\xff", b"\0\0\0\2[]", b"\0\0\0\1{", b"\0\0\0\1\xff"], ids=repr)
def test_malformed_frames_are_refused(sent: bytes) -> None:
    a, b = socket.socketpair()
    with a, b:
        a.sendall(sent)
        with pytest.raises(ProtocolError):
            receive(b)


def test_a_closed_channel_is_an_end() -> None:
    a, b = socket.socketpair()
    with b:
        a.sendall(b"\0\0\0\5ab")
        a.close()
        with pytest.raises(Ended):
            receive(b)


def test_frames_have_a_limit() -> None:
    a, b = socket.socketpair()
    with a, b, pytest.raises(ValueError, match="more than"):
        send(a, {"value": "x" * MAX_FRAME})

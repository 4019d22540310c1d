"""The process of the tests: asks a solution in another process, compares plain values, and writes one verdict.

It is as disposable as the solution's: a reply that costs too much to decode or to compare ends it, not the run.
"""

from __future__ import annotations

import ast
import builtins
import json
import math
import secrets
import socket
import sys
from collections.abc import Callable
from typing import Any, cast

from codeblock.evaluate.sandbox.codec import Ended, Handle, ProtocolError, TooLarge, decode, encode, receive, send

_TEXT = 300
_REL_TOLERANCE = 1e-7  # of numpy.testing.assert_allclose, which EvalPlus follows


TOO_LARGE = {"too large": 0}
"""Stands for an answer of the reference that cannot cross; its case is passed over."""

_TOO_LARGE = [kind.__name__ for kind in TooLarge.__mro__]


class SolutionError(Exception):
    """The solution raised something that is no builtin exception."""


class Lost(BaseException):
    """The solution is gone, or says what none says: no test may catch it."""


class Remote:
    """A value that stays with the solution: its attributes work, it can be called, iterated and given back; it equals nothing."""

    __slots__ = ("_channel", "_target")
    __hash__ = object.__hash__
    _channel: Channel
    _target: str | int

    def __init__(self, channel: Channel, target: str | int) -> None:
        object.__setattr__(self, "_channel", channel)
        object.__setattr__(self, "_target", target)

    def __getattr__(self, name: str) -> Any:
        return self._channel.decoded(self._channel.ask(op="get", target=self._target, name=name).get("value"))

    def __setattr__(self, name: str, value: Any) -> None:
        self._channel.ask(op="set", target=self._target, name=name, value=self._channel.encoded(value))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it where it lives."""
        return self._channel.call(self._target, args, kwargs)

    def __iter__(self) -> Any:
        return iter(self._channel.iterate(self._target))

    def __eq__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        return True


class Channel:
    """The connection to a solution.

    Attributes:
        needs: what the program tried that this level of isolation denies.
        lost: why no more can be asked.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.needs: list[str] = []
        self.lost: str | None = None

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send one request and return its reply, which must carry the request's random number and come after it.

        Raises:
            Lost: the solution ended, or broke the protocol.
        """
        try:
            if _pending(self._connection):
                raise ProtocolError("a reply before the question")
            request["id"] = secrets.randbits(52)
            send(self._connection, request)
            reply = receive(self._connection)
            if reply.get("id") != request["id"]:
                raise ProtocolError("a reply to no question")
        except Ended:
            raise self._lose("ended") from None
        except ProtocolError as error:
            raise self._lose(f"protocol: {error}") from None
        needs = reply.get("needs", [])
        self.needs = [str(n)[:40] for n in needs[:9]] if type(needs) is list else []
        if reply.get("error") == _TOO_LARGE:
            raise TooLarge(str(reply.get("text"))[:_TEXT])
        if "error" in reply:
            raise _exception(reply["error"], reply.get("text"))
        return reply

    def call(self, target: str | int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call what has a name or a number in the solution; changes of mutable arguments are made here too."""
        reply = self.ask(op="call", target=target, args=self.encoded(list(args)), kwargs=self.encoded(kwargs))
        if "args" in reply:
            after = self.decoded(reply["args"])
            if type(after) is list:
                for old, new in zip(args, cast(list[Any], after), strict=False):
                    _assign(old, new)
        return self.decoded(reply.get("value"))

    def iterate(self, target: str | int) -> list[Any]:
        """The items of an iterable that stays with the solution."""
        items = self.decoded(self.ask(op="iterate", target=target).get("value"))
        return cast(list[Any], items) if type(items) is list else []

    def encoded(self, value: Any) -> Any:
        """A value of the tests in the form that crosses."""
        try:
            return encode(value, _keep)
        except _CannotCross as error:
            raise self._lose(f"tests: {error}") from None

    def decoded(self, value: Any) -> Any:
        """The plain value of a reply, with `Remote` for what did not cross."""
        try:
            return _with_remotes(decode(value), self)
        except (ProtocolError, RecursionError) as error:
            raise self._lose(f"protocol: {error}") from None

    def _lose(self, why: str) -> Lost:
        self.lost = why
        return Lost(why)


def judge(connection: socket.socket, check: dict[str, Any]) -> dict[str, Any]:
    """Run one check against a solution.

    Returns:
        ``verdict`` (``passed``, ``failed``, or ``lost`` where the solution ended, broke the protocol or could not be asked),
        ``reason``, ``detail``, ``needs``, and what the kind of check adds.
    """
    channel = Channel(connection)
    extra: dict[str, Any] = {}
    try:
        channel.ask(op="load")
        extra = CHECKS[check["kind"]](channel, check)
        if channel.lost:  # a test with a bare `except` went on
            raise Lost(channel.lost)
        verdict = ("passed", "", "")
    except Lost as lost:
        verdict = ("lost", str(lost).split(":")[0], str(lost))
    except Wrong as wrong:
        verdict = ("failed", wrong.reason, str(wrong))
    except BaseException as error:
        verdict = ("failed", type(error).__name__ if type(error) is not SolutionError else str(error).split(":")[0], _text(error))
    return dict(zip(("verdict", "reason", "detail"), verdict, strict=True)) | {"needs": channel.needs} | extra


class Wrong(Exception):
    """An answer is not the expected one.

    Args:
        reason: its short name.
        detail: what was seen.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail[:_TEXT])
        self.reason = reason


def _asserts(channel: Channel, check: dict[str, Any]) -> dict[str, Any]:
    """Run test source in which the solution's names are proxies.

    ``preamble`` is run first (the task's prompt, say); ``names`` are then taken from the solution; ``source`` are the tests.
    """
    namespace: dict[str, Any] = {"__name__": "tests"}
    exec(compile(check["preamble"], "preamble.py", "exec"), namespace)
    namespace |= {name: Remote(channel, name) for name in check["names"]}
    exec(compile(check["source"], "tests.py", "exec"), namespace)
    return {}


def _outputs(channel: Channel, check: dict[str, Any]) -> dict[str, Any]:
    """Ask for the answers to inputs, still encoded: those of a reference solution become what others are compared with.

    Where an answer is too large to cross, `TOO_LARGE` stands in its place.
    """
    found: list[Any] = []
    for given in decode(check["inputs"]):
        try:
            found.append(encode(channel.call(check["entry"], tuple(given), {}), _keep))
        except TooLarge:
            found.append(TOO_LARGE)
    return {"outputs": found}


def _cases(channel: Channel, check: dict[str, Any]) -> dict[str, Any]:
    """Compare the answers to inputs with expected ones, as EvalPlus does."""
    tolerance = check["atol"]
    accept = COMPARISONS[check["compare"]]
    for number, (given, answer) in enumerate(zip(decode(check["inputs"]), check["outputs"], strict=True)):
        if answer == TOO_LARGE:
            continue
        expected = decode(answer)
        got = channel.call(check["entry"], tuple(given), {})
        if check["compare"] != "root" and tolerance == 0 and _floats(expected):
            tolerance = 1e-6  # as EvalPlus does, it stays so for the cases that follow
        if not accept(got, expected, given, tolerance):
            raise Wrong("wrong answer", f"case {number}: {_short(given)} gave {_short(got)}, expected {_short(expected)}")
    return {}


def _unittest(channel: Channel, check: dict[str, Any]) -> dict[str, Any]:
    """Unit tests inside the solution's interpreter; how many there are is counted here, from their source."""
    planned = 0
    for node in ast.parse(check["source"]).body:
        if isinstance(node, ast.ClassDef):
            methods = {
                item.name for item in node.body if isinstance(item, ast.FunctionDef)
            }  # a later one replaces an earlier one
            planned += sum(name.startswith("test") for name in methods)
    return _inside(channel.ask(op="unittest", source=check["source"]), planned)


def _doctest(channel: Channel, check: dict[str, Any]) -> dict[str, Any]:
    """Doctests of the program; `planned` is how many examples its source has."""
    return _inside(channel.ask(op="doctest"), check["planned"])


def _inside(reply: dict[str, Any], planned: int) -> dict[str, Any]:
    numbers = [reply.get(key) for key in ("ran", "wrong", "skipped")]
    if any(type(n) is not int for n in numbers):
        raise Lost("protocol: a report without its counts")
    ran, wrong, skipped = cast(list[int], numbers)
    details = json.dumps(reply.get("details"))[:_TEXT]
    if ran != planned:
        raise Wrong("tests not run", f"{ran} of {planned} tests ran")
    if wrong or skipped or not planned:
        raise Wrong("test failed" if wrong else "test skipped" if skipped else "no tests", f"{wrong} of {ran}: {details}")
    return {"ran": ran}


CHECKS: dict[str, Callable[[Channel, dict[str, Any]], dict[str, Any]]] = {
    "asserts": _asserts,
    "outputs": _outputs,
    "cases": _cases,
    "unittest": _unittest,
    "doctest": _doctest,
}


def _equal(got: Any, expected: Any, _: Any, tolerance: float) -> bool:
    return bool(got == expected) or (tolerance != 0 and type(got) is type(expected) and _close(got, expected, tolerance))


def _same_set(got: Any, expected: Any, given: Any, tolerance: float) -> bool:
    return set(got) == set(expected) or _only_close(got, expected, tolerance)


def _only_close(got: Any, expected: Any, tolerance: float) -> bool:
    return tolerance != 0 and type(got) is type(expected) and _close(got, expected, tolerance)


def _not_none(got: Any, expected: Any, given: Any, tolerance: float) -> bool:
    return (got if isinstance(got, bool) else got is not None) == (expected is not None)


def _anything(got: Any, expected: Any, given: Any, tolerance: float) -> bool:
    return True


def _or_zero(got: Any, expected: Any, given: Any, tolerance: float) -> bool:
    return _equal(got, expected, given, tolerance) or got == 0


def _pyramid(got: Any, expected: Any, given: Any, tolerance: float) -> bool:
    """Also the surface with the height taken from the base to the apex."""
    if _equal(got, expected, given, tolerance):
        return True
    edge, height = given
    other = round(edge**2 + 2 * edge * math.sqrt((edge / 2) ** 2 + height**2))
    return type(got) in (int, float) and abs(got - other) <= tolerance


def _digit_distance(got: Any, expected: Any, given: Any, tolerance: float) -> bool:
    """Also the distance with the shorter number padded with zeros."""
    if _equal(got, expected, given, tolerance):
        return True
    first, second = (str(n) for n in given)
    width = max(len(first), len(second))
    return got == sum(abs(int(a) - int(b)) for a, b in zip(first.zfill(width), second.zfill(width), strict=True))


def _root(got: Any, expected: Any, given: Any, tolerance: float) -> bool:
    """The answer is a root of the polynomial whose coefficients are the input."""
    return type(got) in (int, float) and abs(sum(c * math.pow(got, n) for n, c in enumerate(given[0]))) <= tolerance


COMPARISONS: dict[str, Callable[[Any, Any, Any, float], bool]] = {
    "equal": _equal,
    "set": _same_set,
    "not none": _not_none,
    "anything": _anything,
    "or zero": _or_zero,
    "pyramid": _pyramid,
    "digit distance": _digit_distance,
    "root": _root,
}
"""How an answer is compared with the expected one; all but the first are for single tasks that EvalPlus names."""


def _floats(value: Any) -> bool:
    if type(value) in (list, tuple) and value:
        return all(type(item) is float for item in value)
    return type(value) is float


def _close(got: Any, expected: Any, tolerance: float) -> bool:
    """`numpy.allclose` for numbers and nested lists of them; False for anything else."""
    if type(expected) in (list, tuple):
        return (
            type(got) in (list, tuple) and len(got) == len(expected) and all(map(_close, got, expected, [tolerance] * len(got)))
        )
    if type(got) not in (bool, int, float, complex) or type(expected) not in (bool, int, float, complex):
        return False
    if got == expected:
        return True
    return abs(got - expected) <= tolerance + _REL_TOLERANCE * abs(expected) < math.inf


class _CannotCross(ValueError):
    """A test passes a value that cannot be sent."""


def _keep(value: Any) -> int:
    """The number of a remote value; only those can be given back."""
    target = object.__getattribute__(value, "_target") if type(value) is Remote else None
    if not isinstance(target, int):
        raise _CannotCross(f"a {type(value).__name__} cannot cross to the solution")
    return target


def _with_remotes(value: Any, channel: Channel) -> Any:
    kind = type(value)
    if kind is Handle:
        return Remote(channel, value.number)
    if kind in (list, tuple, set, frozenset):
        return kind(_with_remotes(item, channel) for item in value)
    if kind is dict:
        return {_with_remotes(key, channel): _with_remotes(item, channel) for key, item in value.items()}
    return value


def _assign(old: Any, new: Any) -> None:
    """Give a mutable argument the content that the solution left in it."""
    if type(old) is not type(new):
        return
    if type(old) in (list, bytearray):
        old[:] = new
    elif type(old) in (dict, set):
        old.clear()
        old.update(new)


def _pending(connection: socket.socket) -> bool:
    try:
        return bool(connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except BlockingIOError:
        return False
    except OSError:
        return False


def _exception(names: Any, text: Any) -> Exception:
    """The exception that stands for the solution's: its first builtin class, or `SolutionError`."""
    text = text[:_TEXT] if type(text) is str else ""
    for name in names if type(names) is list else []:
        kind = getattr(builtins, name, None) if type(name) is str else None
        if isinstance(kind, type) and issubclass(kind, Exception) and name not in _SPECIAL:
            try:
                return kind(text)
            except TypeError:  # UnicodeDecodeError and its kin want more
                continue
    return SolutionError(f"{str(names[0])[:60] if type(names) is list and names else '?'}: {text}")


_SPECIAL = ("StopIteration", "StopAsyncIteration", "Exception")


def _text(error: BaseException) -> str:
    if isinstance(error, AssertionError) and not str(error):
        return _failed_line(error)
    return str(error)[:_TEXT]


def _failed_line(error: BaseException) -> str:
    trace = error.__traceback__
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "tests.py":
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"line {line} of the tests" if line else ""


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        text = f"a {type(value).__name__}"
    return text if len(text) <= 80 else text[:77] + "..."


sys.setrecursionlimit(2000)  # values may be nested 200 deep, and each level costs several frames

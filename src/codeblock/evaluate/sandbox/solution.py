"""The process of a solution: loads a program that nobody has read, and answers calls to what it defines.

Everything here shares its interpreter with that program, so nothing here decides anything; the checker does, from plain values.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import itertools
import socket
import sys
import types
import unittest
from collections.abc import Callable
from typing import Any

from codeblock.evaluate.sandbox.codec import Ended, Handle, ProtocolError, check_size, decode, encode, receive, send

MODULE = "solution"
_MAX_HANDLES = 100_000
_TEXT = 300
_NEEDS_COMPANY = ("os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "subprocess.Popen", "socket.__new__", "os.kill")


class _Session:
    """One program, and the values of it that the checker knows by number."""

    def __init__(self, program: str) -> None:
        self.program = program
        self.module = types.ModuleType(MODULE)
        self.handles: dict[int, Any] = {}
        self.numbers = itertools.count()

    def keep(self, value: Any) -> int:
        if len(self.handles) >= _MAX_HANDLES:
            raise ValueError(f"more than {_MAX_HANDLES:,} values that cannot cross")
        number = next(self.numbers)
        self.handles[number] = value
        return number

    def value(self, encoded: Any) -> Any:
        return _replace(decode(encoded), self.handles)

    def target(self, encoded: Any) -> Any:
        if isinstance(encoded, str):
            if encoded not in vars(self.module):
                raise NameError(f"name {encoded!r} is not defined")
            return vars(self.module)[encoded]
        return self.handles[encoded]

    def load(self, _: dict[str, Any]) -> dict[str, Any]:
        sys.modules[MODULE] = self.module
        exec(compile(self.program, f"{MODULE}.py", "exec"), vars(self.module))
        return {}

    def call(self, request: dict[str, Any]) -> dict[str, Any]:
        arguments = self.value(request["args"])
        named = self.value(request["kwargs"])
        before = [encode(a, self.keep) for a in arguments] if _changeable(arguments) else None
        result = self.target(request["target"])(*arguments, **named)
        check_size(result)
        reply = {"value": encode(result, self.keep)}
        if before is not None and (after := [encode(a, self.keep) for a in arguments]) != before:
            reply["args"] = after
        return reply

    def get(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"value": encode(getattr(self.target(request["target"]), request["name"]), self.keep)}

    def set(self, request: dict[str, Any]) -> dict[str, Any]:
        setattr(self.target(request["target"]), request["name"], self.value(request["value"]))
        return {}

    def iterate(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"value": encode(list(self.target(request["target"])), self.keep)}

    def unittest(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run a unit test class in the program's own module, as `unittest.mock` needs it."""
        exec(compile(request["source"], "tests.py", "exec"), vars(self.module))
        cases = [v for v in vars(self.module).values() if isinstance(v, type) and issubclass(v, unittest.TestCase)]
        loader = unittest.TestLoader()
        outcome = unittest.TestResult()
        for case in cases:
            if case.__module__ == MODULE:
                loader.loadTestsFromTestCase(case).run(outcome)
        wrong = [*outcome.failures, *outcome.errors]
        unexpected = len(outcome.unexpectedSuccesses)
        details = [[test.id().split(".")[-1], text[-_TEXT:]] for test, text in wrong[:20]]
        return {"ran": outcome.testsRun, "wrong": len(wrong) + unexpected, "skipped": len(outcome.skipped), "details": details}

    def doctest(self, _: dict[str, Any]) -> dict[str, Any]:
        """Run the doctests of everything that the program defines, and of the module."""
        runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.REPORT_ONLY_FIRST_FAILURE)
        report = io.StringIO()
        for test in doctest.DocTestFinder(recurse=True).find(self.module, MODULE, module=False, globs=vars(self.module)):
            runner.run(test, out=report.write, clear_globs=False)
        details = [["doctest", report.getvalue()[-_TEXT:]]] if runner.failures else []
        return {"ran": runner.tries, "wrong": runner.failures, "skipped": 0, "details": details}


def serve(channel: socket.socket, program: str, watch_needs: bool) -> None:
    """Answer the checker's requests until it goes.

    Args:
        channel: to the checker.
        program: its source.
        watch_needs: say with an error what the program tried that this level of isolation denies.
    """
    session = _Session(program)
    needs: list[str] = []
    if watch_needs:
        sys.addaudithook(lambda event, _: needs.append(event) if event in _NEEDS_COMPANY and len(needs) < 9 else None)
    operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
        "load": session.load,
        "call": session.call,
        "get": session.get,
        "set": session.set,
        "iterate": session.iterate,
        "unittest": session.unittest,
        "doctest": session.doctest,
    }
    with contextlib.suppress(Ended):
        while True:
            request = receive(channel)
            try:
                reply = operations[request["op"]](request)
            except ProtocolError:
                raise
            except BaseException as error:
                if watch_needs and isinstance(error, PermissionError):
                    needs.append("PermissionError")
                reply = {"error": _names(error), "text": _text(error)}
            if needs:
                reply["needs"] = sorted(set(needs))
            try:
                send(channel, reply | {"id": request["id"]})
            except (ValueError, RecursionError, MemoryError) as error:
                send(channel, {"id": request["id"], "error": _names(error), "text": _text(error)})


def _names(error: BaseException) -> list[str]:
    return [kind.__name__ for kind in type(error).__mro__][:20]


def _text(error: BaseException) -> str:
    try:
        return str(error)[:_TEXT]
    except BaseException as second:
        return f"no text: {type(second).__name__}"


def _changeable(arguments: list[Any]) -> bool:
    return any(type(a) in (list, dict, set, bytearray) for a in arguments)


def _replace(value: Any, handles: dict[int, Any]) -> Any:
    """The value with every handle replaced by what it stands for."""
    kind = type(value)
    if kind is Handle:
        return handles[value.number]
    if kind in (list, tuple, set, frozenset):
        return kind(_replace(item, handles) for item in value)
    if kind is dict:
        return {_replace(key, handles): _replace(item, handles) for key, item in value.items()}
    return value

"""Docstring -> function pairs from a tree of Python sources.

The docstring's text becomes the instruction, the function without its docstring the response, and the docstring's examples, which
neither shows, are kept as tests. A pair is made only when the response, parsed again, is the same program as the function without
its docstring.
"""

from __future__ import annotations

import ast
import doctest
import hashlib
import heapq
import inspect
import os
import re
import textwrap
import tokenize
import warnings
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

from codeblock.errors import DataError

Function = ast.FunctionDef | ast.AsyncFunctionDef

MIN_STATEMENTS = 3
MIN_WORDS = 4
MAX_LINES = 120
MAX_INSTRUCTION = 2000
MAX_FILE_BYTES = 2_000_000

_SKIPPED_DIRECTORIES = frozenset(
    {"__pycache__", "build", "dist-packages", "node_modules", "site-packages", "test", "testing", "tests", "idle_test", "venv"}
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_TEST_FILE = re.compile(r"(test_.*|.*_tests?|conftest)\.py")
_EXAMPLES_HEADING = re.compile(r"\n[^\n]{0,80}\b(examples?|doctests?|usage)\b[^\n]{0,40}(\n[-=~]+)?\s*\Z", re.IGNORECASE)


class Skip(StrEnum):
    """Why a file or a function gives no pair."""

    FILE_TOO_LARGE = "file_too_large"  # more than `MAX_FILE_BYTES`
    UNREADABLE_FILE = "unreadable_file"  # no permission, or not text in the encoding it declares
    SYNTAX_ERROR = "syntax_error"  # the file does not parse
    NO_DOCSTRING = "no_docstring"
    SHORT_DOCSTRING = "short_docstring"  # fewer than `MIN_WORDS` words, or more than `MAX_INSTRUCTION` characters, of prose
    LONG_DOCSTRING = "long_docstring"
    TRIVIAL = "trivial"  # fewer than `MIN_STATEMENTS` statements
    LONG = "long"  # more than `MAX_LINES` lines
    NOT_SEPARABLE = "not_separable"  # without docstring and indentation it is another program
    NOT_UNICODE = "not_unicode"  # an escape in the docstring names half of a surrogate pair
    NAME_TWICE = "name_twice"  # the file defines the name before, as property setters and overloads do
    DUPLICATE = "duplicate"  # the same code, or the same instruction, came before


def harvest(
    directory: Path, limit: int | None = None, seed: int = 0, counts: Counter[str] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield prompt/completion rows from the functions and methods below a directory, in a fixed order.

    Tests, hidden directories, virtual environments and installed packages below it are not entered; functions nested in functions
    are part of these. Nothing is imported or executed.

    Args:
        directory: root of the sources.
        limit: keep only so many pairs, chosen by a seeded hash of their ids: a pair's luck does not depend on the others.
        seed: of that choice.
        counts: is added to, per function: ``pairs``, ``not_chosen`` or a `Skip`; per file: ``files`` or a `Skip`.

    Returns:
        Rows with `id` (``path::qualified.name``), `prompt`, `completion` (a fenced block), `tests` (doctest text, or None).

    Raises:
        DataError: there is no such directory.
    """
    if not directory.is_dir():
        raise DataError(f"{directory} is not a directory of Python sources")
    counts = Counter() if counts is None else counts
    pairs = _pairs(directory, counts)
    if limit is None:
        yield from pairs
        return
    # the place in the order is unique, so rows themselves are never compared
    ranked = ((_luck(pair["id"], seed), place, pair) for place, pair in enumerate(pairs))
    chosen = heapq.nsmallest(limit, ranked)
    counts["not_chosen"] = counts["pairs"] - len(chosen)
    counts["pairs"] = len(chosen)
    for _, _, pair in sorted(chosen, key=lambda ranked: ranked[1]):
        yield pair


def _luck(identifier: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{identifier}".encode()).digest()


def _pairs(directory: Path, counts: Counter[str]) -> Iterator[dict[str, Any]]:
    """All pairs of all files, each program and each instruction once."""
    seen: set[bytes] = set()
    for path in _sources(directory):
        name = path.relative_to(directory).as_posix()
        parsed = _parse(path)
        if isinstance(parsed, Skip):
            counts[parsed] += 1
            continue
        counts["files"] += 1
        lines, tree = parsed
        names: set[str] = set()
        for function, classes in _functions(tree):
            qualified = ".".join([*classes, function.name])
            pair = _pair(function, classes, lines)
            if not isinstance(pair, Skip) and qualified in names:
                pair = Skip.NAME_TWICE
            names.add(qualified)
            if isinstance(pair, Skip):
                counts[pair] += 1
                continue
            prompt, completion, tests = pair
            marks = {hashlib.blake2b(text.encode(), digest_size=8).digest() for text in (prompt, completion)}
            if marks & seen:
                counts[Skip.DUPLICATE] += 1
                continue
            seen |= marks
            counts["pairs"] += 1
            yield {"id": f"{name}::{qualified}", "prompt": prompt, "completion": completion, "tests": tests}
    if not counts:
        raise DataError(f"no Python files below {directory} (tests are left out)")


def _sources(directory: Path) -> Iterator[Path]:
    """Python files in a fixed order, without tests; links are not followed."""
    for parent, directories, files in os.walk(directory):
        directories[:] = sorted(d for d in directories if d not in _SKIPPED_DIRECTORIES and not d.startswith("."))
        for file in sorted(files):
            path = Path(parent, file)
            if file.endswith(".py") and not _TEST_FILE.fullmatch(file) and path.is_file() and not path.is_symlink():
                yield path


def _parse(path: Path) -> tuple[list[str], ast.Module] | Skip:
    """Lines and syntax tree of a file."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            return Skip.FILE_TOO_LARGE
        with tokenize.open(path) as file:
            text = file.read()
    except (OSError, SyntaxError, UnicodeDecodeError):  # a false coding line is a SyntaxError
        return Skip.UNREADABLE_FILE
    tree = _parse_text(text)
    return (text.split("\n"), tree) if tree else Skip.SYNTAX_ERROR


def _parse_text(text: str) -> ast.Module | None:
    """The syntax tree, or None; hostile sources exhaust the parser's stack or memory limit, which it reports."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _functions(tree: ast.Module) -> Iterator[tuple[Function, list[str]]]:
    """Functions and methods with the names of their classes, in order; not what is nested in functions."""
    pending: list[tuple[ast.AST, list[str]]] = [(tree, [])]
    while pending:
        node, classes = pending.pop()
        if isinstance(node, Function):
            yield node, classes
        elif isinstance(node, ast.mod | ast.stmt | ast.excepthandler | ast.match_case):
            inner = [*classes, node.name] if isinstance(node, ast.ClassDef) else classes
            pending.extend((child, inner) for child in reversed(list(ast.iter_child_nodes(node))))


def _pair(function: Function, classes: list[str], lines: list[str]) -> tuple[str, str, str | None] | Skip:
    """Instruction, response and tests of a function."""
    docstring = ast.get_docstring(function)
    if docstring is None:
        return Skip.NO_DOCSTRING
    prose = _prose(docstring)
    if len(prose.split()) < MIN_WORDS:
        return Skip.SHORT_DOCSTRING
    if len(prose) > MAX_INSTRUCTION:
        return Skip.LONG_DOCSTRING
    if sum(isinstance(node, ast.stmt) for node in ast.walk(function)) - 2 < MIN_STATEMENTS:
        return Skip.TRIVIAL
    code = _without_docstring(function, lines)
    if code is None:
        return Skip.NOT_SEPARABLE
    if code.count("\n") > MAX_LINES:
        return Skip.LONG
    kind = "async " if isinstance(function, ast.AsyncFunctionDef) else ""
    signature = _signature(function)
    what = f"{kind}method `{signature}` of the class `{classes[-1]}`" if classes else f"{kind}function `{signature}`"
    prompt = f"Write the Python {what}.\n\n{prose}"
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", code)), default=0))
    tests = _tests(docstring)
    if _SURROGATE.search(prompt) or _SURROGATE.search(tests or ""):
        return Skip.NOT_UNICODE
    return prompt, f"{fence}python\n{code}{fence}", tests


def _signature(function: Function) -> str:
    returns = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    return f"{function.name}({ast.unparse(function.args)}){returns}"


def _prose(docstring: str) -> str:
    """The docstring up to its first example, without the heading that announces it."""
    before, example, _ = docstring.partition(">>>")
    return _EXAMPLES_HEADING.sub("", "\n" + before).strip() if example else before.strip()


def _without_docstring(function: Function, lines: list[str]) -> str | None:
    """The source of a function, dedented, without its docstring; None unless that is the same program."""
    docstring, body = function.body[0], function.body[1:]
    first = min([function.lineno, *(d.lineno for d in function.decorator_list)])
    last, end = function.end_lineno, docstring.end_lineno
    if last is None or end is None or docstring.lineno <= function.lineno or not body or body[0].lineno <= end:
        return None
    kept = lines[first - 1 : docstring.lineno - 1]
    after = lines[end:last]
    while after and not after[0].strip():
        after = after[1:]
    code = textwrap.dedent("\n".join([*kept, *after])) + "\n"
    tree = _parse_text(code)
    if tree is None or len(tree.body) != 1 or not isinstance(tree.body[0], Function):
        return None
    function.body = body
    same = ast.dump(tree.body[0]) == ast.dump(function)
    function.body = [docstring, *body]
    return code if same else None


def _tests(docstring: str) -> str | None:
    """The examples of a docstring as doctest text, or None."""
    try:
        examples = doctest.DocTestParser().get_examples(inspect.cleandoc(docstring))
    except ValueError:  # malformed examples are no tests
        return None
    shown: list[str] = []
    for example in examples:
        prompts = [(">>> " if number == 0 else "... ") + line for number, line in enumerate(example.source.splitlines())]
        shown.append("\n".join(prompts) + "\n" + example.want)
    return "".join(shown) or None

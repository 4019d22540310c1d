"""Whether a language pack keeps the contract: its tables, its query, and the grammar they were written for.

Tree-sitter accepts unknown captures and predicates without a word, and table entries that no grammar knows do nothing; so a slip
of the pen would only show as worse data. Here it shows as a fault, with file, line and the nearest valid name.
"""

from __future__ import annotations

import importlib
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Annotated, Any, Literal

import tree_sitter
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from codeblock.errors import nearest


def _compiled(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
    return pattern


Pattern = Annotated[str, AfterValidator(_compiled)]
"""A regular expression."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Grammar(_Table):
    """Where the Tree-sitter grammar comes from: a distribution, its tested version, a module, and a function in it.

    `exponential` says that damaged code may take it exponential time, so that even short code is parsed under the deadline.
    """

    distribution: str
    version: str
    module: str
    function: str
    exponential: bool = False


class Detect(_Table):
    """How code is recognised that no fence names."""

    first_line: Pattern
    telltales: tuple[Pattern, ...]
    prompts: tuple[str, ...]
    siblings: tuple[str, ...]
    requires: Pattern = ""
    parses_prose: bool = False


class Tokens(_Table):
    """What leaves are, by their kinds."""

    identifiers: tuple[str, ...]
    inside: tuple[str, ...]
    not_core: tuple[str, ...]
    not_core_words: tuple[str, ...]
    not_core_signs: tuple[str, ...]
    access: tuple[str, ...]
    optional: tuple[str, ...] = ()
    contextual: tuple[str, ...] = ()


class Closing(_Table):
    """What closes what is open where code was cut off.

    Words are closed on lines of their own. Behind a value, one of the `modifiers` opens nothing. What opens behind one of the
    `loops` on its line, and closes alike, is that loop's.
    """

    brackets: dict[str, str]
    words: dict[str, str] = {}
    modifiers: tuple[str, ...] = ()
    loops: tuple[str, ...] = ()
    string_start: tuple[str, ...]
    string_end: tuple[str, ...]
    multiline: tuple[str, ...]
    terminators: dict[str, str] = {}


class Items(_Table):
    """What belongs to which item."""

    separators: tuple[str, ...]


class DataFlow(_Table):
    """How members of a class are reached, which methods change what they are called on, what words make of a statement."""

    members: tuple[str, ...]
    mutators: tuple[str, ...] = ()
    verbs: dict[str, Literal["assign", "flow.inf", "jump.return", "jump.raise", "jump.break", "jump.continue", "jump.fall"]] = {}


class Tables(_Table):
    """The contents of ``language.toml``."""

    name: str
    aliases: tuple[str, ...]
    endings: tuple[str, ...]
    comment: str
    preamble: str = ""
    queries: tuple[str, ...] = ("codeblock.scm",)
    grammar: Grammar
    detect: Detect
    tokens: Tokens
    closing: Closing
    items: Items
    data_flow: DataFlow


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a pack.

    Attributes:
        file: of the pack.
        line: from 1; 0 for the whole file.
        message: in words.
    """

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


def _options(first: str, *others: str) -> list[str]:
    """A capture and the modifiers that may follow it, as all names with up to two of them."""
    chains = [(), *itertools.permutations(others, 1), *itertools.permutations(others, 2)]
    return [".".join((first, *chain)) for chain in chains]


CAPTURES = frozenset(
    [
        *(f"item{kind}" for kind in ("", ".header", ".definition", ".block", ".docstring", ".absorb", ".after", ".before")),
        *(f"scope.{kind}" for kind in ("fn", "sealed", "lambda", "class", "members", "comp", "block")),
        *_options(
            "def",
            "outer",
            "var",
            "hoist",
            "set",
            "reuse",
            "read",
            "declare",
            "walrus",
            "now",
            "del",
            "global",
            "nonlocal",
            "local",
            "copy",
            "member",
            "module",
        ),
        *("attr", "attr.def", "attr.def.read", "attr.mut", "attr.call", "value", "value.item", "tail", "result", "returns"),
        *"comment body body.run label mut mut.reuse object call ignore within receiver outer delay late verb assign name".split(),
        *(
            f"flow.{part}"
            for part in ("branch", "switch", "cases", "alt", "alt.run", "alt.total", "for", "while", "do", "callback")
        ),
        *(
            f"flow.{part}"
            for part in ("inf", "init", "step", "body", "post", "try", "trybody", "trybody.run", "handler", "finally", "with")
        ),
        *(f"jump.{kind}" for kind in ("return", "raise", "break", "continue", "fall")),
    ]
)
"""The vocabulary of ``codeblock.scm``, as described in `codeblock.languages.loader`."""


def check_tables(raw: dict[str, Any], text: str) -> list[Fault]:
    """Check the tables of a pack.

    Args:
        raw: the parsed ``language.toml``.
        text: its text, for the line numbers.
    """
    try:
        Tables.model_validate(raw)
    except ValidationError as error:
        return [_table_fault(e, text) for e in error.errors()]
    return []


def check_grammar(tables: Tables, text: str) -> list[Fault]:
    """Check that the grammar is installed, in the version that the pack was tested with.

    Args:
        tables: of the pack.
        text: of ``language.toml``, for the line numbers.
    """
    grammar = tables.grammar

    def fault(key: str, message: str) -> list[Fault]:
        return [Fault("language.toml", line_of(text, f"{key} ="), message)]

    try:
        found = metadata.version(grammar.distribution)
    except metadata.PackageNotFoundError:
        return fault("distribution", f"{grammar.distribution} is not installed: pip install {grammar.distribution}")
    try:
        module = importlib.import_module(grammar.module)
    except ModuleNotFoundError:
        return fault("module", f"{grammar.distribution} is installed, but has no module {grammar.module!r}")
    if not hasattr(module, grammar.function):
        known = [name for name in vars(module) if name.startswith("language")]
        hint = nearest(grammar.function, known)
        return fault("function", f"{grammar.module} has no function {grammar.function!r}{hint} (it has {', '.join(known)})")
    if not f"{found}.".startswith(f"{grammar.version}."):
        message = (
            f"{grammar.distribution} is {found}; the pack was tested with {grammar.version}, and node kinds may have changed"
        )
        return fault("version", message)
    return []


def check_kinds(tables: Tables, text: str, grammar: tree_sitter.Language) -> list[Fault]:
    """Check that every node kind which the tables name is one of the grammar's."""
    kinds = {grammar.node_kind_for_id(i) or "" for i in range(grammar.node_kind_count)}
    tokens, closing = tables.tokens, tables.closing
    named = [*itertools.chain.from_iterable(getattr(tokens, name) for name in Tokens.model_fields)]
    named += [*closing.brackets, *closing.brackets.values(), *closing.words, *closing.words.values()]
    named += [*closing.modifiers, *closing.loops, *closing.string_start, *closing.string_end]
    return [
        Fault("language.toml", line_of(text, f'"{name}"'), f"the grammar has no node kind {name!r}{nearest(name, kinds)}")
        for name in dict.fromkeys(named)
        if name not in kinds
    ]


def check_query(file: str, text: str, grammar: tree_sitter.Language) -> list[Fault]:
    """Check that a query compiles, and that each pattern has one capture, a known one, and no predicate.

    Args:
        file: its name.
        text: the query.
        grammar: that it is for.
    """
    kinds = {grammar.node_kind_for_id(i) or "" for i in range(grammar.node_kind_count)}
    fields = {grammar.field_name_for_id(i) or "" for i in range(1, grammar.field_count + 1)}
    try:
        query = tree_sitter.Query(grammar, text)
    except tree_sitter.QueryError as error:
        return [_query_fault(file, str(error), kinds, fields)]
    return list(_pattern_faults(file, query, text.encode()))


def _pattern_faults(file: str, query: tree_sitter.Query, source: bytes) -> Iterator[Fault]:
    for pattern in range(query.pattern_count):
        start = query.start_byte_for_pattern(pattern)
        own = re.sub(rb'"(?:[^"\\]|\\.)*"', b'""', source[start : query.end_byte_for_pattern(pattern)])
        own = re.sub(rb"(?m);.*$", b"", own).decode()
        line = source.count(b"\n", 0, start) + 1
        if "#" in own:
            yield Fault(file, line, "a predicate: the engine runs none")
        captures: list[str] = re.findall(r"@([\w.]+)", own)
        if not captures:
            yield Fault(file, line, "a pattern without a capture, which says nothing")
        elif len(captures) > 1:
            yield Fault(file, line, f"a pattern with {len(captures)} captures: Tree-sitter drops some without a word")
        for name in captures:
            if name not in CAPTURES:
                yield Fault(file, line, f"unknown capture @{name}{nearest(name, CAPTURES)}")


def _table_fault(error: Any, text: str) -> Fault:
    path = [str(part) for part in error["loc"]]
    here: Any = Tables
    for key in path[:-1]:
        annotation = here.model_fields[key].annotation if key in getattr(here, "model_fields", {}) else None
        here = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else here
    line = line_of(text, path[-1])
    if error["type"] == "extra_forbidden":
        return Fault("language.toml", line, f"unknown key {path[-1]!r}{nearest(path[-1], here.model_fields)}")
    if error["type"] == "missing":
        return Fault("language.toml", 0, f"missing key {'.'.join(path)!r}")
    message = error["msg"].removeprefix("Value error, ")
    return Fault("language.toml", line, f"{'.'.join(path)}: {message[0].lower()}{message[1:]}")


def _query_fault(file: str, message: str, kinds: set[str], fields: set[str]) -> Fault:
    """What the binding says of a query, as in ``Invalid node type at row 3, column 5: foo``."""
    place = re.search(r"row (\d+)", message)
    line = int(place[1]) + 1 if place else 0
    wrong = re.search(r": (\w+)\s*$", message)
    hint = nearest(wrong[1], fields if "field" in message else kinds) if wrong else ""
    said = re.sub(r" at row \d+, column \d+", "", message)
    return Fault(file, line, f"{said[0].lower()}{said[1:]}{hint}")


def line_of(text: str, what: str) -> int:
    """The first line that holds a text, from 1; 0 if none does."""
    at = text.find(what)
    return text.count("\n", 0, at) + 1 if at >= 0 else 0

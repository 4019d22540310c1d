"""Captures that Python's pack has no use for, on Python's grammar."""

from dataclasses import replace
from typing import Any

import tree_sitter

from codeblock.analyze.deadline import Deadline
from codeblock.analyze.events import read_events
from codeblock.analyze.items import build_items
from codeblock.analyze.lines import Lines
from codeblock.analyze.names import ProgramBuilder
from codeblock.analyze.parse import Parsed, parse
from codeblock.analyze.program import Op, Role
from codeblock.languages import Language, load
from codeblock.spans import ByteSpan


def parsed(source: str, query: str, **changes: Any) -> Parsed:
    language = load("python")
    language = replace(language, query=tree_sitter.Query(language.grammar, query), **changes)
    encoded = source.encode()
    return parse(encoded, Lines(encoded), (ByteSpan(0, len(encoded)),), language, Deadline(60))


def test_a_run_is_what_stands_behind_a_token_up_to_a_clause() -> None:
    query = '(argument_list "(" @body.run) (keyword_argument) @flow.alt'
    assert sorted(parsed("f(a, g(b), c)\nh(d, e=1)\ni()\n", query).captures["body"]) == [(2, 12), (7, 8), (16, 17)]


def test_a_verb_says_what_its_parent_is() -> None:
    query = "(call function: (identifier) @verb)"
    found = parsed("f(leave(1))\nstay(2)\n", query, verbs={b"leave": "jump.raise"})
    assert found.captures == {"jump.raise": [(2, 10)]}


def test_ignored_names_behind_an_assigning_verb_are_defined() -> None:
    query = "(call function: (identifier) @verb) (identifier) @ignore (call function: (identifier) @call)"
    found = parsed("read(a, b, f(1))\nshow(c)\n", query, verbs={b"read": "assign"})
    roles = read_events(found, []).roles
    assert {n for n, role in roles.items() if role & Role.DEF} == {5, 8}


def test_local_declares_where_set_only_assigns() -> None:
    query = """
        (function_definition) @scope.fn
        (assignment left: (identifier) @def.set)
        (assignment left: (identifier) @def.local type: (_))
    """
    found = parsed("x = y = 1\ndef f():\n    x: int = 2\n    y = x\n", query)
    builder = ProgramBuilder(Deadline(60))
    builder.add(found, [(ByteSpan(0, len(found.source)), 0)])
    assert sorted(builder.finish().names) == [b"x", b"x", b"y"]


def test_an_item_that_begins_with_another_is_not_its_parent() -> None:
    found = parsed("f(a) + b\n", "[(binary_operator) (call)] @item")
    items = build_items(found, 0, 0, Deadline(60))
    assert [(item.spans[0].start, item.parent, item.depth) for item in items] == [(0, None, 0), (5, None, 0)]


def test_a_function_sees_the_members_of_the_class_that_it_is_within() -> None:
    query = """
        (class_definition) @scope.members
        (class_definition name: (identifier) @def.outer)
        (function_definition) @scope.fn
        (assignment left: (identifier) @def)
        (typed_parameter (identifier) @def)
    """
    within = "(typed_parameter type: (type (identifier) @within))"
    source = "class A:\n    x = 1\ndef f(a: A):\n    class B:\n        y = 2\n    x\ndef g(b: B):\n    y\n"

    def unknown(query: str) -> int:
        builder = ProgramBuilder(Deadline(60))
        builder.add(parsed(source, query), [(ByteSpan(0, len(source)), 0)])
        return builder.finish().variable_of.count(-1)

    assert unknown(query) == 5  # f, x, g, B, y
    assert unknown(query + within) == 4  # not x; but a class in a function has no members elsewhere


def test_the_absence_of_an_optional_token_is_no_damage() -> None:
    source, language = b"cout << x << y;\nf();\n", load("cpp")

    def damage(language: Language) -> int:
        return parse(source, Lines(source), (ByteSpan(0, len(source)),), language, Deadline(60)).error_bytes

    assert language.optional == {language.grammar.id_for_node_kind("...", False)}
    assert damage(language) == 0
    assert damage(replace(language, optional=frozenset())) == 1


def variables(source: str, query: str) -> list[tuple[str, int]]:
    """The variable of each use and definition, in the order of the text, as its name and number."""
    found = parsed(source, query)
    builder = ProgramBuilder(Deadline(60))
    builder.add(found, [(ByteSpan(0, len(found.source)), 0)])
    program = builder.finish()
    used = [program.variable_of[mention] for op, _, mention, _ in program.frames[0] if op in (Op.USE, Op.DEFINE)]
    return [(program.names[variable].decode(), variable) for variable in used]


def test_in_a_block_a_name_means_what_is_around_until_it_is_declared() -> None:
    query = "(block) @scope.block (assignment left: (identifier) @def.now)"
    assert variables("x = 1\nif x:\n    while x: x\n    x = 2\n    x\n", query) == [
        *[("x", 0)] * 4,  # around: the definition, and the uses before the other one
        *[("x", 1)] * 2,
    ]


def test_what_is_declared_in_a_late_node_is_so_at_its_end() -> None:
    block = "(block) @scope.block (assignment left: (identifier) @def.now)"
    assert variables("x = 1\nif 1:\n    x = x\n", block) == [("x", 0), ("x", 1), ("x", 1)]
    assert variables("x = 1\nif 1:\n    x = x\n", f"{block} (assignment) @late") == [("x", 0), ("x", 0), ("x", 1)]


def test_outer_leaves_one_scope() -> None:
    query = "(for_statement) @scope.block (for_statement left: (identifier) @def) (for_statement right: (_) @outer)"
    assert variables("x = 1\nfor x in x: x\n", f"{query} (assignment left: (identifier) @def.now)") == [
        *[("x", 0)] * 2,
        *[("x", 1)] * 2,
    ]

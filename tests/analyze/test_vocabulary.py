"""Captures that Python's pack has no use for, on Python's grammar."""

from dataclasses import replace
from typing import Any

from codeblock.analyze.dataflow import DataFlow
from codeblock.analyze.deadline import Deadline
from codeblock.analyze.events import read_events
from codeblock.analyze.items import build_items
from codeblock.analyze.names import ProgramBuilder
from codeblock.analyze.parse import Parsed
from codeblock.analyze.program import Op, Role
from codeblock.languages import Language, load
from codeblock.spans import ByteSpan
from tests.analyze import show


def parsed(source: str, query: str, **changes: Any) -> Parsed:
    return show.parsed(source, replace(load("python"), query=query, **changes))


def test_a_run_is_what_stands_behind_a_token_up_to_a_clause() -> None:
    query = '(argument_list "(" @body.run) (keyword_argument) @flow.alt'
    assert sorted(parsed("f(a, g(b), c)\nh(d, e=1)\ni()\n", query).captures["body"]) == [(2, 12), (7, 8), (16, 17)]


def test_a_verb_says_what_its_parent_is() -> None:
    query = "(call function: (identifier) @verb)"
    found = parsed("f(leave(1))\nstay(2)\n", query, verbs={b"leave": "jump.raise"})
    assert found.captures == {"jump.raise": [(2, 10)]}


def test_a_jump_behind_something_else_is_the_word_alone() -> None:
    query = "(conditional_expression (identifier) @verb)"
    found = parsed("a if b else c\na if stop else c\n", query, verbs={b"stop": "jump.break"})
    assert found.captures == {"jump.break": [(19, 23)]}


def test_a_word_makes_a_loop_endless_but_no_callback() -> None:
    query = "(while_statement condition: (identifier) @verb) (while_statement) @flow.while (lambda (identifier) @verb)"
    found = parsed("while ever: f()\nwhile a: f()\nlambda: ever\n", query, verbs={b"ever": "flow.inf"})
    assert read_events(found, []).infinite == {(0, 15), (29, 41)}
    found = parsed(found.source.decode(), f"{query} (lambda) @flow.callback", verbs={b"ever": "flow.inf"})
    assert read_events(found, []).infinite == {(0, 15)}


def test_text_behind_a_sign_may_begin_with_a_name() -> None:
    query = "(string (string_start) . (string_content) @name)"
    found = parsed("'x, y' + z + '1 a'\n", query)
    assert found.identifiers == [(1, 2), (9, 10)]
    assert found.core == [(1, 2), (2, 5), (7, 8), (9, 10), (11, 12), (14, 17)]


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


def edges(found: Parsed) -> set[str]:
    """Lines of definition and use, and the variable, of every edge."""
    items = build_items(found, 0, 0, Deadline(60))
    builder = ProgramBuilder(Deadline(60))
    builder.add(found, sorted((span, n) for n, item in enumerate(items) for span in item.spans))
    return {f"{items[e.source].line} {items[e.target].line} {e.variable}" for e in DataFlow(builder.finish(), Deadline(60)).run()}


STATEMENTS = """
    [(expression_statement) (return_statement)] @item
    (function_definition) @item.definition
    (class_definition) @item.definition
    (block) @body
    (function_definition name: (identifier) @def.outer.hoist)
    (assignment left: (identifier) @def)
"""


def test_a_run_of_statements_begins_with_its_node_and_ends_with_any_clause() -> None:
    query = "(block . (_) @flow.trybody.run (return_statement)) (return_statement) @flow.handler"
    found = parsed("if a:\n    f()\n    g()\n    return\n", query)
    assert found.captures["flow.trybody"] == [(10, 21)]


def test_what_comes_after_an_item_is_part_of_it() -> None:
    query = "(expression_statement) @item (comment) @comment (pass_statement) @item.after"
    source = "pass\nf()  # why\npass\ng()\npass\n"
    items = build_items(parsed(source, query), 0, 0, Deadline(60))
    texts = [[source[span.start : span.end] for span in item.spans] for item in items]
    assert texts == [["pass"], ["f()", "pass"], ["# why"], ["g()", "pass"]]


def test_a_sealed_function_in_place_sees_what_it_names() -> None:
    query = (
        STATEMENTS
        + """
        (lambda) @scope.sealed
        (argument_list (lambda) @scope.lambda)
        (argument_list (lambda) @flow.callback)
        (lambda_parameters (identifier) @def.copy)
        (lambda_parameters (default_parameter name: (identifier) @def.nonlocal))
        (named_expression name: (identifier) @def)
    """
    )
    source = "a = 1\nb = 2\nc = 3\nf(lambda a, b=0: [\na, b, c,\n(b := 4)])\ng(a, b, c)\n"
    assert edges(parsed(source, query)) == {"1 4 a", "1 7 a", "2 4 b", "2 7 b", "4 7 b", "3 7 c"}


def test_a_separator_is_part_of_the_item_before_it_also_in_front_of_a_bracket() -> None:
    query = "(expression_statement) @item (list (identifier) @item)"
    found = parsed("[a, b,\n]\n", query, separators=frozenset({b","}))
    texts = [[found.source[s.start : s.end] for s in item.spans] for item in build_items(found, 0, 0, Deadline(60))]
    assert texts == [[b"[", b"]"], [b"a,"], [b"b,"]]


def test_comments_are_never_absorbed() -> None:
    found = parsed("(a,  # why\n b)\n", "(tuple) @item (tuple (_) @item.absorb) (identifier) @item (comment) @comment")
    texts = [[found.source[s.start : s.end] for s in item.spans] for item in build_items(found, 0, 0, Deadline(60))]
    assert texts == [[b"(a,", b"b)"], [b"# why"]]


def test_a_copy_is_made_in_the_function_around() -> None:
    query = STATEMENTS + "(function_definition) @scope.sealed (parameters (identifier) @def.copy)"
    source = "a = 1\nb = 2\ndef f(a):\n    a = a + b\n    g(a)\ng(a)\n"
    assert edges(parsed(source, query)) == {"1 3 a", "1 6 a", "3 4 a", "4 5 a"}


def test_a_parameter_may_be_a_member_too() -> None:
    query = (
        STATEMENTS
        + """
        (class_definition) @scope.class
        (function_definition) @scope.fn
        (parameters (identifier) @def.member)
    """
    )
    source = "class C:\n    def f(self, a):\n        g(a)\n    def h():\n        g(self.a)\n"
    assert edges(parsed(source, query)) == {"2 3 a", "2 5 self.a"}


def test_sealed_functions_see_what_nothing_declares_and_members() -> None:
    query = (
        STATEMENTS.replace("@def)", "@def.set)")
        + """
        (function_definition) @scope.sealed
        (class_definition) @scope.members
        (assignment left: (attribute object: (identifier)) @attr.def)
    """
    )
    source = "x = 1\ndef f():\n    g(x)\nclass C:\n    def f():\n        self.y = 1\n    def g():\n        h(y)\n"
    assert edges(parsed(source, query)) == {"1 3 x", "6 8 y"}


def test_a_loop_that_runs_its_body_first_is_the_special_one() -> None:
    query = (
        STATEMENTS
        + """
        (while_statement) @item.header
        (while_statement) @flow.while
        (while_statement condition: (true)) @flow.do
        (while_statement body: (block) @flow.body)
    """
    )
    source = "x = 1\nwhile {}:\n    x = 2\ng(x)\n"
    assert edges(parsed(source.format("True"), query)) == {"3 4 x"}
    assert edges(parsed(source.format("a"), query)) == {"1 4 x", "3 4 x"}


def test_the_name_of_a_function_may_stand_behind_a_sign() -> None:
    query = STATEMENTS + "(assignment left: (attribute attribute: (identifier) @def.outer))"
    assert edges(parsed("a.f = b.f\nf(c.f)\n", query)) == {"1 2 f"}


def test_a_token_ends_with_its_item() -> None:
    found = parsed('f("""a  \n""")\n', "(string_content) @item")
    items = build_items(found, 0, 0, Deadline(60))
    assert [span for item in items for span in item.core if span.end > item.spans[-1].end] == []
    assert [item.core for item in items if item.node == "string_content"] == [(ByteSpan(5, 6),)]


def test_a_method_may_change_what_it_is_called_on() -> None:
    query = STATEMENTS + "(call function: (attribute object: (_) @object))"
    source = "a = 1\na.b[0].add(2)\na.look(3)\nadd(a).add(a)\ng(a)\n"
    found = parsed(source, query, mutators=frozenset({b"add"}))
    assert edges(found) == {"1 2 a", "1 3 a", "1 4 a", "1 5 a", "2 3 a", "2 4 a", "2 5 a"}


def test_nothing_changes_an_import() -> None:
    query = STATEMENTS.replace("@def)", "@def.module)") + "(call function: (attribute object: (_) @object))"
    source = "a = 1\nfor x in y:\n    a.add(2)\ng(a)\n"
    assert edges(parsed(source, query, mutators=frozenset({b"add"}))) == {"1 3 a", "1 4 a"}


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
    language = load("cpp")

    def damage(language: Language) -> int:
        return show.parsed("cout << x << y;\nf();\n", language).error_bytes

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


def test_in_a_function_that_runs_in_place_too() -> None:
    query = "(block) @scope.{} (assignment left: (identifier) @def.now)"
    source = "x = 1\nif x:\n    x\n    x = 2\n    x\n"
    assert variables(source, query.format("lambda")) == variables(source, query.format("block"))


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


def test_a_label_is_of_what_it_stands_before_or_of_the_jump_around() -> None:
    query = (
        STATEMENTS
        + """
        [(for_statement) (while_statement)] @item.header
        (for_statement) @flow.for
        (while_statement) @flow.while
        (for_statement body: (_) @flow.body)
        (while_statement body: (_) @flow.body)
        (call arguments: (argument_list (list_splat (identifier)))) @jump.break
        (list_splat (identifier) @label)
        (module (expression_statement (identifier) @label))
    """
    )
    source = "a\n%s\nwhile c:\n    for d in e:\n        x = 1\n        stop(*a)\n    x = 2\nf(x)\n"
    assert edges(parsed(source % "", query)) == {"5 8 x", "7 8 x"}
    assert edges(parsed(source % "g()", query)) == {"7 8 x"}  # the label is of something else


def test_parts_of_a_header_run_before_the_loop_and_behind_its_body() -> None:
    query = (
        STATEMENTS
        + """
        [(if_statement) (while_statement)] @item.header
        (continue_statement) @item
        (named_expression name: (identifier) @def)
        (while_statement) @flow.while
        (while_statement body: (_) @flow.body)
        (boolean_operator left: (_) @flow.init)
        (boolean_operator right: (_) @flow.step)
        (if_statement) @flow.branch
        (if_statement consequence: (_) @flow.alt)
        (continue_statement) @jump.continue
    """
    )
    source = "j = 1\nwhile (i := 0) or (j := j + i):\n    f(i)\n    if j:\n        continue\n    j = 2\nf(j)\n"
    assert edges(parsed(source, query)) == {"2 3 i", "1 2 j", "6 2 j", "1 4 j", "2 4 j", "1 7 j", "2 7 j"}
    nested = "while a or (b := g(lambda: [c or d, 1])):\n    f(b)\n"
    query += "(lambda) @scope.lambda (lambda) @flow.callback"
    assert edges(parsed(nested, query)) == {"1 2 b"}


def test_members_may_be_reached_through_a_receiver_that_the_function_names() -> None:
    query = (
        STATEMENTS
        + """
        (function_definition) @scope.fn
        (class_definition) @scope.class
        (class_definition name: (identifier) @def.outer)
        (typed_parameter (identifier) @def)
        (typed_parameter (identifier) @receiver)
        (typed_parameter type: (type (identifier) @within))
        (attribute attribute: (identifier) @ignore)
        (attribute object: (identifier)) @attr
        (assignment left: (attribute object: (identifier)) @attr.def)
    """
    )
    source = "class A:\n    x = 1\ndef f(s: A):\n    s.x = 2\n    g(s.x)\ndef g(t: A):\n    g(t.x)\n    g(s.x)\n"
    assert {edge for edge in edges(parsed(source, query)) if edge.endswith("x")} == {"4 5 self.x", "2 7 self.x", "4 7 self.x"}

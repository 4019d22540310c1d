import random
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeblock.analyze.analyze import analyze_code
from codeblock.types import ItemKind
from tests.analyze.show import check_analysis, closed, items_text, standard_library

CASES = {
    "a simple statement over several lines": ("x = foo(\n  a,\n  b)\n", r"simple: 'x = foo(\n  a,\n  b)'"),
    "two statements on a line": ("a = 1; b = 2", "simple: 'a = 1;'\nsimple: 'b = 2'"),
    "a branch": (
        """
        if x > 0:
            return x
        elif y:
            pass
        else:
            return -x
        """,
        """
        header: 'if x > 0:'
          simple: 'return x'
          header: 'elif y:'
            simple: 'pass'
          header: 'else:'
            simple: 'return -x'
        """,
    ),
    "loops with else": (
        """
        for a, b in c:
            break
        else:
            d()
        while a: continue
        """,
        """
        header: 'for a, b in c:'
          simple: 'break'
          header: 'else:'
            simple: 'd()'
        inline: 'while a: continue'
        """,
    ),
    "try": (
        """
        try:
            a()
        except (A, B) as e:
            raise
        else: b()
        finally:
            c()
        """,
        """
        header: 'try:'
          simple: 'a()'
          header: 'except (A, B) as e:'
            simple: 'raise'
          inline: 'else: b()'
          header: 'finally:'
            simple: 'c()'
        """,
    ),
    "match": (
        """
        match a:
            case [1, *_] if x:
                pass
            case _: y = 2
        """,
        """
        header: 'match a:'
          header: 'case [1, *_] if x:'
            simple: 'pass'
          inline: 'case _: y = 2'
        """,
    ),
    "with": (
        """
        async with (a as b,
                    c):
            pass
        """,
        r"""
        header: 'async with (a as b,\n            c):'
          simple: 'pass'
        """,
    ),
    "definitions with decorators and docstrings": (
        '''
        """Module."""
        @dec(1)
        @other
        class A(B):
            """Class."""
            x: int = 3
            async def f(self, a=1,
                        *b) -> int:
                """Method."""
                "bare"
                return 1
            def g(self): ...
        ''',
        r"""
        docstring: '\"\"\"Module.\"\"\"'
        definition: '@dec(1)\n@other\nclass A(B):'
          docstring: '\"\"\"Class.\"\"\"'
          simple: 'x: int = 3'
          definition: 'async def f(self, a=1,\n                *b) -> int:'
            docstring: '\"\"\"Method.\"\"\"'
            docstring: '"bare"'
            simple: 'return 1'
          inline: 'def g(self): ...'
        """,
    ),
    "comments are items wherever they stand": (
        """
        # top
        if x:  # trailing
            # first
            y = [1,  # inner
                 2]  # behind
            # last
        """,
        r"""
        comment: '# top'
        header: 'if x:'
          comment: '# trailing'
          comment: '# first'
          simple: 'y = [1,…2]'
            comment: '# inner'
          comment: '# behind'
          comment: '# last'
        """,
    ),
    "a suite on its header's line is one item": (
        """
        if x: a = 1; b = 2  # c
        else: pass
        class E(Exception): pass
        for a in b: c(
            d)
        """,
        r"""
        inline: 'if x: a = 1; b = 2'
          comment: '# c'
          inline: 'else: pass'
        inline: 'class E(Exception): pass'
        inline: 'for a in b: c(\n    d)'
        """,
    ),
    "expressions are never cut": (
        "f = lambda x: [i for i in x if i] or {a: b for a, b in x}\n",
        "simple: 'f = lambda x: [i for i in x if i] or {a: b for a, b in x}'",
    ),
    "line continuations": ("x = 1 + \\\n  2\n", r"simple: 'x = 1 + \\\n  2'"),
    "a header without a body": ("def f():\n", "definition: 'def f():'"),
    "nothing": ("\n \n", ""),
    "damage is one item per line": (
        """
        def f():
            a = 1
            b c d
            return a
        """,
        """
        definition: 'def f():'
          simple: 'a = 1'
          error: 'b c…d'
          simple: 'return a'
        """,
    ),
    "what a damaged header holds moves up": (
        """
        class A:
            def f(self, x y):
                return x
        """,
        """
        definition: 'class A:'
          error: 'def f(self, x y):'
          simple: 'return x'
        """,
    ),
    "a byte order mark is damage": ("\ufeffx = 1\n", r"error: '\ufeff'" + "\nsimple: 'x = 1'"),
    "separators without a statement": (";\nx = 1\n", "error: ';'\nsimple: 'x = 1'"),
    "indented code": ("    x = 1\n    y = 2\n", "simple: 'x = 1'\nsimple: 'y = 2'"),
    "CRLF": ("if x:\r\n    y\r\n", "header: 'if x:'\n  simple: 'y'"),
    "Python 2": ("print 'x'\nexec y\n", "simple: \"print 'x'\"\nsimple: 'exec y'"),
}


@pytest.mark.parametrize("name", CASES)
def test_items(name):
    source, expected = (dedent(part).strip("\n") for part in CASES[name])
    source = source or CASES[name][0]
    expected = expected.replace('\\"', '"')
    assert items_text(source) == expected
    check_analysis([source], analyze_code(source, "python"))


def test_nodes_and_lines():
    items = analyze_code("@a\ndef f():\n    return (1,\n      2)\n", "python").items
    assert [(i.node, i.line, i.end_line) for i in items] == [("decorated_definition", 1, 2), ("return_statement", 3, 4)]


FRAGMENTS = st.sampled_from(
    "if else elif : def f ( ) [ ] { } class A for x in while try except finally match case with as return yield lambda "
    "'''|\"\"\"|'|\"|#|\\|;|,|.|=|==|+=|->|@|*|1|0x|é|😀|\0|\r|\n|\n    |\n        |\t|\f|:=|async |await |f'{|}".replace(
        " ", "|"
    ).split("|")
)


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.text(max_size=200), st.lists(FRAGMENTS, max_size=60).map(" ".join), st.lists(FRAGMENTS, max_size=60).map("".join)
    )
)
def test_any_text_tiles(source):
    check_analysis([source], analyze_code(source, "python"))


def test_a_closed_item_parses():
    for path, source in standard_library(12, seed=3, most=20_000):
        analysis = analyze_code(source, "python")
        chance = random.Random(4)
        for index in chance.sample(range(len(analysis.items)), min(60, len(analysis.items))):
            item = analysis.items[index]
            text = closed(source, analysis, index)
            parsed = analyze_code(text, "python")
            assert not [i for i in parsed.items if i.kind == ItemKind.ERROR], (path, item, text)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("f(x => { g(x); }, y => { h(y); });", "inline: 'f(x => { g(x); }, y => { h(y); });'"),
        ("f(x => { g(x); }, y => {\n  h(y);\n});", "simple: 'f(x => { g(x); }, y => {…});'\n  simple: 'h(y);'"),
        ("f(y => {\n  h(y);\n}, x => { g(x); });", "simple: 'f(y => {…}, x => { g(x); });'\n  simple: 'h(y);'"),
    ],
)
def test_a_statement_is_inline_only_if_all_its_bodies_are(source: str, expected: str):
    assert items_text(source, analyze_code(source, "javascript")) == expected


def test_a_here_document_may_begin_with_a_separator() -> None:
    source = "a = <<ef\n ; b\nef\n"
    assert items_text(source, analyze_code(source, "ruby")).count("\n") == 0
    (item,) = analyze_code("a = <<ef\n ; b\n", "ruby").items
    assert list(item.spans) == sorted(item.spans)

import random
from pathlib import Path

import pytest

from codeblock.analyze.analyze import analyze, analyze_code
from codeblock.types import ItemKind
from tests.analyze.show import check_analysis, functions, items_text, kept_by_cuts, pieces, standard_library, text_of

CASES = {
    "in a call": ("x = 1\ny = f(a, [b", "simple: 'x = 1'\nerror: 'y = f(a, [b'"),
    "in a header": ("def f(a):\n    x = a\n    if x and (", "definition: 'def f(a):'\n  simple: 'x = a'\nerror: 'if x and ('"),
    "in a string": ("def f():\n    x = 1\n    return 'ab", "definition: 'def f():'\n  simple: 'x = 1'\n  error: \"return 'ab\""),
    "in a docstring": (
        'def f(a):\n    """Say\n\n    more, and (more',
        "definition: 'def f(a):'\n  error: '\"\"\"Say'\n  error: 'more, and (more'",
    ),
    "in a docstring with quotes": (
        "def f(a):\n    \"\"\"Say 'a' and\n    'b",
        "definition: 'def f(a):'\n  error: '\"\"\"Say \\'a\\' and'\n  error: \"'b\"",
    ),
    "in the first statement of a body": ("def f(a):\n    if s", "definition: 'def f(a):'\nerror: 'if s'"),
    "in the first statement of an inner body": (
        "if a:\n    for b in c:\n        d = (",
        "header: 'if a:'\n  header: 'for b in c:'\n    error: 'd = ('",
    ),
    "in a dict over several lines": (
        "a = 1\nd = {\n  'a': [1,\n        2],\n  'b': (",
        "simple: 'a = 1'\nerror: 'd = {'\nerror: \"'a': [1,\"\nerror: '2],'\nerror: \"'b': (\"",
    ),
    "behind a whole statement": ("def f():\n    x = 1", "definition: 'def f():'\n  simple: 'x = 1'"),
    "behind a header": ("for a in b:\n", "header: 'for a in b:'"),
    "in a try": ("try:\n    x = f(\n", "header: 'try:'\n  error: 'x = f('"),
}


@pytest.mark.parametrize("name", CASES)
def test_code_that_stops(name):
    source, expected = CASES[name]
    assert items_text(source) == expected
    fenced = f"Here:\n```python\n{source}"
    analysis = analyze([fenced])
    check_analysis([fenced], analysis)
    assert items_text(fenced, analysis) == expected


BODIES = {
    "in the body of a callback": (
        'describe("a", () => {\n  it("b", () => {\n    f();\n    g(1,',
        "simple: 'describe(\"a\", () => {'\n  simple: 'it(\"b\", () => {'\n    simple: 'f();'\n    error: 'g(1,'",
    ),
    "in a method of an object": (
        "const o = {\n  f() {\n    g();\n    h(",
        "simple: 'const o = {'\n  definition: 'f() {'\n    simple: 'g();'\n    error: 'h('",
    ),
    "behind a callback": ("f(() => {\n  g();\n}, 1,\n2", "error: 'f(() => {'\nsimple: 'g();'\nerror: '}, 1,'\nerror: '2'"),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_statement_whose_body_stops_is_as_good_as_a_header(name):
    source, expected = BODIES[name]
    assert items_text(source, analyze_code(source, "javascript")) == expected


WORDS = {
    "ruby": (
        """
class A
  def f(xs)
    while xs.any? do
      x = if xs.one? then 1
          else 2
          end
      puts(x) if x > 1
      xs.each do |y|
        unless y
          g(y)
          h([""",
        """
definition: 'class A'
  definition: 'def f(xs)'
    header: 'while xs.any? do'
      simple: 'x ='
        inline: 'if xs.one? then 1…end'
          header: 'else'
            simple: '2'
      simple: 'puts(x) if x > 1'
      simple: 'xs.each do |y|'
        header: 'unless y'
          simple: 'g(y)'
          error: 'h(['""",
    ),
    "bash": (
        """
for x in "$@"; do
  if [ -f "$x" ]; then
    case $x in
      a)
        f "$x"
        ;;
      b)
        while g; do
          h
          i $(""",
        """
header: 'for x in "$@"; do'
  header: 'if [ -f "$x" ]; then'
    header: 'case $x in'
      header: 'a)…;;'
        simple: 'f "$x"'
      header: 'b)'
        header: 'while g; do'
          simple: 'h'
          error: 'i $('""",
    ),
}


@pytest.mark.parametrize("language", WORDS)
def test_words_that_open_are_closed(language):
    source, expected = WORDS[language]
    assert items_text(source, analyze_code(source, language)) == expected.lstrip()


CALLBACKS = {
    "java": """
class A {
    void f(List<Integer> xs) {
        xs.stream().filter(x -> x > 0).forEach(x -> {
            if (x > 1) {
                g(x);
            } else if (x < 3) {
                h(x);
            }
        });
        new Thread(new Runnable() {
            public void run() {
                g(1);
            }
        }).start();
        Function<Integer, Integer> q = v -> {
            return switch (v) {
                default -> {
                    yield v;
                }
            };
        };
    }
}
""",
    "csharp": """
class A {
    void F(List<int> xs) {
        xs.ForEach(x => {
            if (x > 1) {
                G(x);
            } else if (x < 3) {
                H(x);
            }
        });
        Func<int, Task> q = async v => {
            await Task.Run(() => {
                G(v);
            });
        };
    }
}
""",
    "kotlin": """
class A {
    fun f(xs: List<Int>) {
        xs.filter { it > 0 }.forEach { x ->
            if (x > 1) {
                g(x)
            } else if (x < 3) {
                h(x)
            }
        }
        g(object : Runnable {
            override fun run() {
                g(1)
            }
        })
    }
}
""",
    "php": """<?php
function f($xs) {
    usort($xs, function ($a, $b) {
        if ($a > $b) {
            return 1;
        }
        return 2;
    });
    $o = new class extends B {
        public function h() {
            return 1;
        }
    };
}
""",
    "c": """
int f(int a) {
    if (a) {
        g();
    } else if (b) {
        h();
    }
}
""",
}


@pytest.mark.parametrize("language", CALLBACKS)
def test_statements_whose_bodies_are_cut_off_are_as_good_as_headers(language):
    source = CALLBACKS[language].lstrip()
    whole = analyze_code(source, language).items
    lines = source.splitlines(keepends=True)
    for count in range(1, len(lines)):
        cut = "".join(lines[:count])
        items = analyze_code(cut, language).items
        assert [text_of(cut, item) for item in items if item.kind is ItemKind.ERROR] == [], cut
        assert {i.spans for i in whole if i.spans[-1].end < len(cut)} <= {i.spans for i in items}, cut


def test_what_ends_statements_makes_no_other_ones_of_them():
    source = "class A {\n  void F() {\n    if (b) {\n      end = mid - 1"  # with `};` behind it, an initialiser
    assert items_text(source, analyze_code(source, "csharp")) == (
        "definition: 'class A {'\n  definition: 'void F() {'\n    header: 'if (b) {'\nerror: 'end = mid - 1'"
    )


COMMENTS = {
    "in a line of comment": "class A {\n    int x;\n    // more",
    "behind comments": "class A {\n    int x;\n    // more\n    /* and\n       more */\n\n",
    "in a comment of an empty class": "namespace N\n{\n    class A\n    {\n        /// <summary>\n        /// Say",
}


@pytest.mark.parametrize("name", COMMENTS)
def test_comments_at_the_end_do_not_hide_what_is_open(name):
    analysis = analyze_code(COMMENTS[name], "csharp")
    assert [item.node for item in analysis.items if item.kind is ItemKind.ERROR] == []


GOALS = {"python": 0.998, "javascript": 0.99, "java": 0.995, "go": 0.99}
"""Share of items that a cut leaves as they are."""


@pytest.mark.shared
@pytest.mark.parametrize("language", GOALS)
def test_cut_off_code_keeps_the_items_before_the_last_line(language: str, shared_data: Path) -> None:
    kept, items, _, _ = kept_by_cuts(language, pieces(language, shared_data)[:800])
    assert items > 2_000
    assert kept / items >= GOALS[language]


def test_cut_off_functions_keep_the_items_before_the_last_line() -> None:
    kept, items, _, _ = kept_by_cuts("python", list(functions(400, seed=42)))
    assert kept / items >= GOALS["python"]


def test_a_truncated_program_keeps_the_items_before_the_last_line() -> None:
    modules = [source for _, source in standard_library(40, seed=41, most=20_000)]
    kept, items, _, _ = kept_by_cuts("python", modules * 4)
    assert kept / items >= GOALS["python"]


def test_nothing_unfinished_is_a_code_item():
    chance = random.Random(2)
    for _, source in standard_library(15, seed=42, most=15_000):
        for _ in range(4):
            cut = source[: chance.randrange(1, len(source))]
            for item in analyze_code(cut, "python").items:
                if item.kind == ItemKind.SIMPLE and len(item.spans) == 1:
                    alone = analyze_code(text_of(cut, item), "python")
                    assert all(i.kind != ItemKind.ERROR for i in alone.items), text_of(cut, item)

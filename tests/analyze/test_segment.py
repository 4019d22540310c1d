import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeblock.analyze.analyze import analyze
from tests.analyze.show import check_analysis

CODE = "def f(x):\n    return x\n"


def parts(*responses: str) -> list[tuple[str, str]]:
    """Language (or ``prose``) and content of every segment."""
    analysis = analyze(responses)
    check_analysis(responses, analysis)
    return [
        (s.language or "prose", "".join(responses[s.response].encode()[p.start : p.end].decode() for p in s.spans))
        for s in analysis.segments
    ]


def test_prose_and_code():
    assert parts(f"Here:\n```python\n{CODE}```\nDone.\n") == [("prose", "Here:\n"), ("python", CODE), ("prose", "Done.\n")]


def test_markup_is_fences_and_prefixes():
    text = "> ```py\n> x = 1\n> y\n> ```\n"
    (segment,) = analyze([text]).segments
    assert [text[m.start : m.end] for m in segment.markup] == ["> ```py\n> ", "> ", "> ```\n"]
    assert [text[s.start : s.end] for s in segment.spans] == ["x = 1\n", "y\n"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Yes.",
        "The answer is 42.",
        "# Title\n\nSome words",
        "Note: this is it",
        "word",
        "from what I see, no",
        "1 + 1",
        "- a\n- b\n",
    ],
)
def test_prose(text):
    assert [p[0] for p in parts(text)] == ["prose"] * bool(text)


@pytest.mark.parametrize(
    "text",
    [
        CODE,
        "import os\nos.remove('a')\n",
        "# comment\nx = 1\n",
        '"""Doc."""\nprint(1)\n',
        "class A:\n    def f(self):\n        return [1,\n",  # cut off
        "x: int = 3\nfoo(x)\n",
        "for i in a:\n    print(i)",
        "\n\n@dec\ndef f(): pass\n",
        'def f():\n    """Use it so:\n\n```python\nf()\n```\n    """\n    return 1\n',  # fences inside a string
    ],
)
def test_bare_code(text):
    assert parts(text) == [("python", text)]


@pytest.mark.parametrize(
    "block",
    [
        "```text\nx = f(1)\n```\n",
        "```json\n{}\n```\n",
        "```diff\n- x = 1\n+ x = 2\n```\n",
        "```console\n$ python a.py\n```\n",
        "```python\n>>> f(1)\n2\n```\n",  # a session
        "```\n>>> f(1)\n2\n```\n",
        "```\nTrue\n[1, 2]\n```\n",  # output
        '```\nTraceback (most recent call last):\n  File "a.py"\n```\n',
        "```python\n\n```\n",  # nothing
        "```python\n```\n",
    ],
)
def test_blocks_that_are_prose(block):
    assert parts(f"a\n{block}b\n") == [("prose", f"a\n{block}b\n")]


def test_a_block_without_a_name_is_code_if_it_looks_like_it():
    assert parts(f"a\n```\n{CODE}```\n") == [("prose", "a\n"), ("python", CODE)]


def test_a_closing_fence_in_a_string_is_text():
    code = 's = """\n```\n"""\nprint(s)\n'
    assert parts(f"a\n```python\n{code}```\nb\n") == [("prose", "a\n"), ("python", code), ("prose", "b\n")]


def test_an_unfinished_string_does_not_swallow_the_next_block():
    first, second = 's = """\n', 'x = """a"""\n'
    text = f"```python\n{first}```\nthen some words\n```python\n{second}```\n"
    assert parts(text) == [("python", first), ("prose", "then some words\n"), ("python", second)]


def test_blocks_of_a_response_are_one_program_and_responses_are_not():
    text = f"```python\n{CODE}```\nUse it:\n```python\nf(1)\n```\n"
    analysis = analyze([text, "```python\nf(2)\n```\n"])
    check_analysis([text, "```python\nf(2)\n```\n"], analysis)
    assert [(e.source, e.target, e.variable, e.kind) for e in analysis.edges] == [(0, 1, "x", "flow"), (0, 2, "f", "call")]
    assert [analysis.segments[i.segment].response for i in analysis.items] == [0, 0, 0, 1]


def test_what_stands_behind_a_jump_in_one_block_can_be_reached_in_the_next():
    text = "```python\nx = 1\nraise E\n```\n```python\ny = x\n```\n"
    assert [(e.source, e.target, e.variable) for e in analyze([text]).edges] == [(0, 2, "x")]


def test_code_in_a_list_item_of_a_quote_keeps_its_offsets():
    text = "> 1. é\n>\n>    ```python\n>    if é:\n>        s = '''a\n>        b'''\n>    ```\n"
    analysis = analyze([text])
    check_analysis([text], analysis)
    source = text.encode()
    assert [[source[s.start : s.end].decode() for s in i.spans] for i in analysis.items] == [["if é:"], ["s = '''a", "b'''"]]
    assert [[source[c.start : c.end].decode() for c in i.core] for i in analysis.items] == [
        ["if", "é"],
        ["s", "=", "a", "b"],
    ]
    assert [(i.line, i.end_line) for i in analysis.items] == [(4, 4), (5, 6)]


PIECES = st.sampled_from(
    [
        "```python\n",
        "```\n",
        "~~~\n",
        "````py\n",
        "> ",
        "- ",
        "1. ",
        "   ",
        "    ",
        "x = 1\n",
        "def f():\n    return x\n",
        '"""\n',
        "words\n",
        "\n",
        "\r\n",
        "\t",
        "é\n",
        ">>> a\n",
        "(",
        "'",
    ]
)


@settings(max_examples=250, deadline=None)
@given(st.lists(st.lists(PIECES, max_size=25).map("".join), max_size=3))
def test_any_response_tiles(responses):
    check_analysis(responses, analyze(responses, seconds=60))


def test_text_that_a_grammar_takes_for_code_is_prose_without_a_telltale() -> None:
    assert parts("```\nhello world\nfive apples\n```\n") == [("prose", "```\nhello world\nfive apples\n```\n")]
    assert ("bash", 'dir="$1"\ncd "$dir"\n') in parts('```\ndir="$1"\ncd "$dir"\n```\n')


def test_a_session_of_a_shell_is_prose() -> None:
    assert [language for language, _ in parts("```console\n$ ls\na.txt\n```\n")] == ["prose"]


def test_php_without_tags_is_code_even_if_it_is_damaged() -> None:
    damaged = "$a = 1;\n$b = = 2;\nf($a);\n"
    assert parts(f"```php\n{damaged}```\n") == [("php", damaged)]
    assert parts(f"```\n{damaged}```\n") == [("php", damaged)]


def test_php_among_text_is_code() -> None:
    page = "<b><?= $a ?></b>\n<?php if ($a): ?>\n<i>yes</i>\n<?php endif; ?>\n"
    assert parts(f"```php\n{page}```\n") == [("php-html", page)]


def test_code_that_one_language_cannot_read_is_in_its_sibling() -> None:
    typed = "class Solution {\n    add(a: number, b: number): number {\n        const c = a + b;\n        return c;\n    }\n}\n"
    assert parts(typed) == [("typescript", typed)]
    assert parts(f"```js\n{typed}```\n") == [("typescript", typed)]
    plain = typed.replace(": number", "")
    assert parts(plain) == [("javascript", plain)]
    damaged = plain.replace("a + b", "a + + *")
    assert parts(f"```js\n{damaged}```\n") == [("javascript", damaged)]
    unknown = 'function say_hello(name)\n    return "Hello, $name!"\nend\n\nprintln(say_hello("World"))\n'
    assert parts(unknown) == [("prose", unknown)]


def test_bare_kotlin() -> None:
    for text in (
        'fun main() {\n    println("a")\n}\n',
        "data class A(val x: Int)\n\nval a = A(1)\n",
        "import java.util.PriorityQueue\n\nval q = PriorityQueue<Int>()\nq.add(1)\n",
        "class Solution {\n    fun f(xs: IntArray): Int {\n        return xs.size\n    }\n}\n",
        "val xs = listOf(1, 2)\nxs.forEach { println(it) }\n",
    ):
        assert parts(text) == [("kotlin", text)]

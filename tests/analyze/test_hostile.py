"""Inputs made to be slow or to break things. The work is bounded: results are small, or the deadline ends it."""

import random

import pytest

from codeblock.analyze import parse
from codeblock.analyze.analyze import analyze, analyze_code
from codeblock.analyze.values import MIN_EDGE_LIMIT
from codeblock.errors import AnalysisError, AnalysisTimeout, ResponseTooLarge
from codeblock.languages import load, load_all
from codeblock.types import ItemKind
from tests.analyze.show import check_analysis

N = 20_000
CASES = {
    "nested brackets": "x = " + "(" * 100_000 + ")" * 100_000 + "\n",
    "open brackets": "x = " + "(" * 100_000,
    "closing brackets": ")" * N,
    "one line list": "x = [" + "1," * N + "]\n",
    "chained operators": "x = " + "a + " * N + "a\n",
    "chained attributes": "x = a" + ".a" * N + "\n",
    "chained calls": "x = a" + "()" * N + "\n",
    "NULs": "\0" * N,
    "NULs in code": "x = 1\0\ny = 2\nz = '\0'\n",
    "noise": "".join(random.Random(1).choices([chr(c) for c in range(256)], k=10_000)),
    "carriage returns": "x = 1\r" * 1000,
    "mixed line ends": "x = 1\r\ny = 2\rz = 3\n" * 100,
    "byte order marks": "\ufeff" * 100 + "x = 1\n",
    "open string": "x = '''" + "a b\n" * 2000,
    "quotes": "'" * N,
    "redefinitions": "x = x + 1\n" * 4000,
    "many definitions times many uses": "".join(f"if a:\n x = {i}\n" for i in range(2000)) + "y = x\n" * 2000,
    "long elif": "if a:\n x = 1\n" + "elif b:\n x = 2\n" * 2000 + "y = x\n" * 2000,
    "loops in a row": "for i in a:\n x = x + i\n" * 1000,
    "nested loops": "".join(" " * i + "while a:\n" for i in range(60))
    + "".join(" " * 60 + f"x{i % 50} = x{i % 7}\n" for i in range(300)),
    "breaks": "while a:\n" + "".join(f" x{i} = 1\n if b: break\n" for i in range(2000)),
    "nested try": "".join(" " * i + "try:\n" for i in range(40))
    + "".join(" " * 40 + f"x{i} = 1\n" for i in range(100))
    + "".join(" " * i + "except A: pass\n" for i in range(39, -1, -1)),
    "members": "class A:\n" + "".join(f" def f{i}(self):\n  self.x = self.y\n  self.y = self.x\n" for i in range(500)),
    "mutations": "x = {}\n" + "x[1] = x\n" * 2000,
    "deep indentation": "".join(" " * i + "if a:\n" for i in range(200)),
    "semicolons": "a;" * 3000,
    "parameters": "def f(" + ",".join(f"a{i}" for i in range(5000)) + "): pass\n",
    "comments": "# a\n" * 5000,
}


@pytest.mark.parametrize("name", CASES)
def test_work_is_bounded(name):
    source = CASES[name]
    analysis = analyze_code(source, "python")
    check_analysis([source], analysis)
    assert len(analysis.items) <= source.count("\n") + source.count(";") + 1 + 2 * source.count("if b: break")
    assert len(analysis.edges) <= max(MIN_EDGE_LIMIT, 4 * len(source))


MARKDOWN = {
    "fences": "```\n" * 5000,
    "blocks": "```python\nx = 1\n```\n" * 300,
    "open strings": "```python\nx = '''\n```\n" * 100,
    "quotes": ">" * N + "```python\n",
    "list items": "- " * N,
    "blocks in list items that never end": "- ```python\nx = 1\n" * 1000,
    "backticks": "`" * N,
    "tabs": "\t" * N + "```python\n",
}


@pytest.mark.parametrize("name", MARKDOWN)
def test_markdown(name):
    response = MARKDOWN[name]
    check_analysis([response], analyze([response], seconds=60))


def test_too_deep_a_tree_is_damage_line_by_line():
    source = "a = 1\nx = " + "(" * 11_000 + "\n" + ")" * 11_000 + "\n"
    analysis = analyze_code(source, "python")
    assert [(i.kind, i.line) for i in analysis.items] == [(ItemKind.ERROR, 1), (ItemKind.ERROR, 2), (ItemKind.ERROR, 3)]


@pytest.mark.parametrize("name", ["noise", "redefinitions", "many definitions times many uses", "nested brackets", "semicolons"])
def test_the_deadline_ends_the_work(name):
    with pytest.raises(AnalysisTimeout, match=r"did not finish within 0\.001 s"):
        analyze_code(CASES[name] * 3, "python", seconds=0.001)


def test_loading_and_compiling_a_pack_does_not_count(monkeypatch: pytest.MonkeyPatch):
    load.cache_clear()
    load_all.cache_clear()
    monkeypatch.setattr(parse, "_compiled", {})
    assert analyze(["```swift\nlet x = 1\n```\n"], seconds=0.1).items  # its query takes 0.4 s
    assert [name for name, _ in parse._compiled] == ["swift"]


def test_a_response_may_be_too_large():
    with pytest.raises(ResponseTooLarge, match="the response has 12 bytes, more than the limit of 10"):
        analyze(["x = 1", "éé = 123é"], max_bytes=10)
    assert analyze(["x = 'aaaa'"], max_bytes=10).items


def test_lone_surrogates_have_no_bytes():
    with pytest.raises(AnalysisError, match="no UTF-8 form: surrogates not allowed at character 2"):
        analyze(["ab\udc80"])


EXPONENTIAL = """outer@ fo (i in a) {
    if (i > 0) continue@outer
   x = 3
 \ufffd (i < 0) break@outer
  :  1 -> y + 1
        f(y)
    }
}
f(z)
return if (y > 0) y.   else if (y < 0) z
   else 0

package a.b
import c.d.E as F
typealias T = Map<String, Int>
fun <T : Comparable<T>> T.max(x T): T \ufffd if (this > x) this else x

val (p, _, q)\x20
= f()
for ((k, v) in g(p, q)) {
    h(k, v)
}
"""  # minutes for the grammar


def test_the_deadline_ends_a_short_parse_that_explodes():
    with pytest.raises(AnalysisTimeout):
        analyze([f"```kotlin\n{EXPONENTIAL}```\n"], seconds=0.3)

import io
import keyword
import token
import tokenize

from codeblock.analyze.analyze import analyze_code
from tests.analyze.show import standard_library

NOT_CORE_WORDS = {"pass", "def", "class", "global", "nonlocal"}
NOT_CORE_SIGNS = {"(", ")", "[", "]", "{", "}", ",", ":", ";", ".", "->", "@"}


def core(source: str) -> list[str]:
    encoded = source.encode()
    return [encoded[c.start : c.end].decode() for i in analyze_code(source, "python").items for c in i.core]


def test_core_tokens():
    source = "@dec\ndef f(a: int = 1, *b) -> x.y:\n    '''doc'''\n    return not a[1:2] ** -b  # c\n"
    assert core(source) == ["dec", "f", "a", "int", "=", "1", "*", "b", "x", "y", "return", "not", "a", "1", "2", "**", "-", "b"]


def test_strings_are_their_content():
    assert core(r"x = 'a\n\x00b' + f'{y!r:>{w}}z\{{' + b''") == [
        "x",
        "=",
        r"a\n\x00b",
        "+",
        "y",
        "!r",
        "w",
        "z\\{{",
        "+",
    ]  # not the format


def test_what_has_no_meaning_of_its_own():
    assert core("def f():\n    global x\n    pass\nclass A: ...\n") == ["f", "x", "A", "..."]


def test_tokens_are_those_of_tokenize():
    for path, source in standard_library(25, seed=21, most=40_000):
        analysis = analyze_code(source, "python")
        found = {c for i in analysis.items for c in i.core}
        docstrings = [s for i in analysis.items if i.kind == "docstring" for s in i.spans]
        starts = [0]
        for line in source.encode().splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        lines = source.splitlines(keepends=True)

        def offset(row: int, column: int, starts: list[int] = starts, lines: list[str] = lines) -> int:
            return starts[row - 1] + len(lines[row - 1][:column].encode())

        for t in tokenize.generate_tokens(io.StringIO(source).readline):
            if t.type not in (token.NAME, token.NUMBER, token.OP, tokenize.COMMENT) or t.string == "...":
                continue
            span = offset(*t.start), offset(*t.end)
            if any(d.start <= span[0] < d.end for d in docstrings):
                continue
            expected = t.string not in NOT_CORE_SIGNS | NOT_CORE_WORDS and t.type != tokenize.COMMENT
            # `is not` and `not in` are one token of the grammar each, or two: either way they are core
            if keyword.iskeyword(t.string) and expected:
                assert any(c.start <= span[0] and span[1] <= c.end for c in found), (path, t)
            else:
                assert (span in found) == expected, (path, t)

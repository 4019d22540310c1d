"""Changes to a source that change nothing, or change nothing in the part that was there before."""

import ast
import io
import random
import re
import symtable
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from codeblock.analyze.analyze import analyze_code
from codeblock.languages import languages, load
from codeblock.types import Analysis, ItemKind
from tests.analyze.show import functions, parsed, pieces, standard_library, text_of

LANGUAGES = [name for name in languages() if name != "php-html"]  # outside of whose tags a comment is text


def shape(source: str, analysis: Analysis, rename: Callable[[str], str] = str) -> tuple[list[Any], ...]:
    """Items, edges and signals, without comments and white space."""
    number = {i: n for n, i in enumerate(i for i, item in enumerate(analysis.items) if item.kind is not ItemKind.COMMENT)}
    items = [
        (i.kind, i.node, "".join(text_of(source, i).replace("…", "").split()), None if i.parent is None else number[i.parent])
        for i in (analysis.items[n] for n in number)
    ]
    edges = sorted((number[e.source], number[e.target], rename(e.variable), e.kind) for e in analysis.edges)
    return items, edges, [analysis.reach[i] for i in number], [analysis.bridge[i] for i in number]


def sound(language: str, texts: list[str]) -> Iterator[tuple[str, Analysis]]:
    """Sources without damage, with their analyses."""
    for text in texts:
        analysis = analyze_code(text, language)
        if all(item.kind is not ItemKind.ERROR for item in analysis.items):
            yield text, analysis


def commented(source: str, analysis: Analysis, comment: str) -> str:
    """The source with a comment and a blank line above every item that begins a line."""
    encoded = source.encode()
    parts, at = [], 0
    for item in analysis.items:
        start = item.spans[0].start
        line = encoded.rfind(b"\n", 0, start) + 1
        if not encoded[line:start].strip() and line >= at:
            parts += [encoded[at:line], encoded[line:start], f"{comment} x = y\n\n".encode()]
            at = line
    return (b"".join(parts) + encoded[at:]).decode()


def appended(source: str, language: str) -> str:
    """The source, and once more with all its variables renamed."""
    encoded = source.encode()
    parts, at = [], 0
    for _, end in parsed(source, load(language)).identifiers:
        parts += [encoded[at:end], b"_too"]
        at = end
    return source + "\n" + (b"".join(parts) + encoded[at:]).decode()


def check_comments(language: str, texts: list[str]) -> int:
    count = 0
    for text, before in sound(language, texts):
        more = commented(text, before, load(language).comment)
        assert shape(more, analyze_code(more, language)) == shape(text, before), more
        count += 1
    return count


def check_line_ends(language: str, texts: list[str]) -> int:
    count = 0
    for text, before in sound(language, texts):
        windows = text.replace("\n", "\r\n")
        after = analyze_code(windows, language)
        assert shape(windows, after) == shape(text, before), text
        assert [(i.line, i.end_line) for i in after.items] == [(i.line, i.end_line) for i in before.items], text
        count += 1
    return count


def check_appended(language: str, texts: list[str]) -> int:
    """A copy that does not parse behind the source says nothing."""
    count = 0
    for text, before in sound(language, texts):
        if "\n;" in text:  # a separator at the beginning of the copy would be part of the item before
            continue
        more = appended(text, language)
        after = analyze_code(more, language)
        if any(item.kind is ItemKind.ERROR for item in after.items):
            continue
        size = len(before.items)
        assert after.items[:size] == before.items, more
        assert [e for e in after.edges if e.target < size] == list(before.edges), more
        count += 1
    return count


CHECKS = [check_comments, check_line_ends, check_appended]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_fixtures(language: str, check: Callable[[str, list[str]], int]) -> None:
    assert check(language, pieces(language)) >= 10


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("language", [name for name in LANGUAGES if name != "tsx"])
def test_real_code(language: str, check: Callable[[str, list[str]], int], shared_data: Path) -> None:
    assert check(language, pieces(language, shared_data)[:150]) >= 10


@pytest.mark.parametrize("check", CHECKS)
def test_functions_of_the_standard_library(check: Callable[[str, list[str]], int]) -> None:
    assert check("python", list(functions(400, seed=12))) == 400


def renamed(source: str) -> tuple[str, set[str]]:
    """The source with the locals of its first function renamed that are written as nothing but names, and what they were."""
    table = next((t for t in symtable.symtable(source, "m", "exec").get_children() if isinstance(t, symtable.Function)), None)
    names = set(table.get_locals()) - set(table.get_globals()) if table else set()
    for node in ast.walk(ast.parse(source)):
        names -= {str(getattr(node, "attr", "")), str(getattr(node, "arg", "")) if isinstance(node, ast.keyword) else ""}
        names -= {str(getattr(node, "name", ""))}
        if isinstance(node, ast.ClassDef | ast.MatchClass):
            return source, set()
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    names -= {name for t in tokens if t.type == tokenize.STRING for name in names if name in t.string}
    lines = source.split("\n")
    for t in reversed(tokens):
        if t.type == tokenize.NAME and t.string in names:
            row, column = t.end
            lines[row - 1] = lines[row - 1][:column] + "_renamed" + lines[row - 1][column:]
    return "\n".join(lines), names


def plain(name: str) -> str:
    return name.removesuffix("_renamed")


def test_a_consistent_renaming_changes_names_only() -> None:
    count = 0
    for source in functions(400, seed=13):
        more, names = renamed(source)
        if not names:
            continue
        count += 1
        before, after = analyze_code(source, "python"), analyze_code(more, "python")
        assert [i[:2] + i[3:] for i in shape(more, after)[0]] == [i[:2] + i[3:] for i in shape(source, before)[0]], more
        assert shape(more, after, plain)[1:] == shape(source, before)[1:], more
    assert count > 150


def test_a_true_branch_around_everything_keeps_the_edges() -> None:
    for _, source in standard_library(8, seed=15, most=15_000):
        if '"""' in source or "'''" in source or "\\\n" in source:
            source = re.sub(r"(?s)\"\"\".*?\"\"\"|'''.*?'''", "'text'", source)
        wrapped = "if True:\n" + re.sub(r"(?m)^(?=.)", "    ", source)
        one, two = shape(source, analyze_code(source, "python")), shape(wrapped, analyze_code(wrapped, "python"))
        assert [(s - 1, t - 1, v, k) for s, t, v, k in two[1]] == one[1]


def test_modules_keep_their_flow_when_others_follow() -> None:
    chance = random.Random(14)
    modules = [source for _, source in standard_library(8, seed=14, most=15_000)]
    for source in modules:
        before = analyze_code(source, "python")
        after = analyze_code(source + "\n" + chance.choice(modules), "python")
        flow = {e for e in before.edges if e.kind == "flow"}
        assert {e for e in after.edges if e.kind == "flow" and e.target < len(before.items)} == flow

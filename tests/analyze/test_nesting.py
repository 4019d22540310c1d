"""Deeply nested code of every language. The analysis ends in time, with a sound result or a named status."""

from collections.abc import Iterator

import pytest
from _pytest.mark import ParameterSet

from codeblock.analyze.analyze import analyze_code
from codeblock.errors import AnalysisTimeout
from codeblock.languages import languages
from codeblock.types import ItemKind
from tests.analyze.show import check_analysis

DEPTHS = (1_000, 10_000)
"""The trees of the second are too deep for a query, so that all is damage."""

Parts = tuple[str, ...]
"""What stands before, opens a level, is in the middle, closes a level, stands behind."""
C_LIKE: dict[str, Parts] = {
    "brackets": ("x = ", "(", "1", ")", ";\n"),
    "blocks": ("", "{", "x = 1;", "}", "\n"),
    "branches": ("", "if (x) ", "x = 1;", "", "\n"),
    "else": ("if (x) { x = 1; }", " else if (x) { x = 2; }", "", "", "\n"),
    "calls": ("x = ", "f(", "1", ")", ";\n"),
}
BRACES: dict[str, Parts] = {
    "brackets": ("x = ", "(", "1", ")", "\n"),
    "blocks": ("", "if x {", "x = 1", "}", "\n"),
    "branches": ("", "if x {\n", "x = 1\n", "}\n", "\n"),
    "else": ("if x { x = 1 }", " else if x { x = 2 }", "", "", "\n"),
    "calls": ("x = ", "f(", "1", ")", "\n"),
}
INSIDE = {"c": "void f() {", "cpp": "void f() {", "go": "func f() {", "rust": "fn f() {"}
"""What statements stand in."""
NESTED: dict[str, dict[str, Parts]] = {
    "python": {
        "brackets": ("x = ", "(", "1", ")", "\n"),
        "blocks": ("x = ", "[x for x in ", "y", "]", "\n"),
        "else": ("if x: x = 1\n", "elif x: x = 2\n", "", "", "\n"),
        "branches": ("x = ", "1 if x else ", "1", "", "\n"),
        "functions": ("x = ", "lambda: ", "1", "", "\n"),
        "calls": ("x = ", "f(", "1", ")", "\n"),
    },
    "bash": {
        "brackets": ("x=", "$(", "a", ")", "\n"),
        "blocks": ("", "{ ", "x=1; ", "}; ", "\n"),
        "branches": ("", "if a; then ", "x=1; ", "fi; ", "\n"),
        "else": ("if a; then x=1;", " elif b; then x=2;", "", "", " fi\n"),
    },
    "ruby": {
        "brackets": ("x = ", "(", "1", ")", "\n"),
        "blocks": ("", "a do ", "x = 1", " end", "\n"),
        "branches": ("", "if x then ", "x = 1", " end", "\n"),
        "else": ("if x then x = 1", " elsif x then x = 2", "", "", " end\n"),
        "calls": ("x = ", "f(", "1", ")", "\n"),
    },
    **dict.fromkeys(("c", "cpp", "csharp", "java"), C_LIKE),
    **dict.fromkeys(
        ("javascript", "typescript", "tsx"), C_LIKE | {"functions": ("f = ", "function () { return ", "1", "}", ";\n")}
    ),
    "php": {name: tuple(part.replace("x", "$x") for part in parts) for name, parts in C_LIKE.items()},
    "php-html": {"text": ("", "<?php if ($x) { ?><p>", "x", "<?php } ?>", "\n")},
    **dict.fromkeys(("go", "rust", "swift"), BRACES),
}


def nests() -> Iterator[ParameterSet]:
    for language in languages():
        for name, parts in NESTED.get(language, C_LIKE).items():
            for depth in DEPTHS:
                for closed in (True, False):
                    slow = depth > 1_000 and not closed
                    if slow and name != "brackets":
                        continue
                    what = f"{language}-{name}-{depth}-{'closed' if closed else 'open'}"
                    yield pytest.param(language, parts, depth, closed, id=what, marks=[pytest.mark.slow] if slow else [])


def nest(language: str, parts: Parts, depth: int, closed: bool) -> str:
    before, opened, middle, end, after = parts
    return INSIDE.get(language, "") + before + opened * depth + middle + (end * depth + after if closed else "") + "\n"


@pytest.mark.parametrize(("language", "parts", "depth", "closed"), list(nests()))
def test_deep_nesting_is_bounded(language: str, parts: Parts, depth: int, closed: bool) -> None:
    source = nest(language, parts, depth, closed)
    try:
        analysis = analyze_code(source, language, seconds=2.0)
    except AnalysisTimeout:
        return
    check_analysis([source], analysis)
    assert analysis.items


@pytest.mark.parametrize("language", [name for name in NESTED if name in languages()])
def test_some_nesting_is_understood(language: str) -> None:
    """A hundred levels are no damage where they are closed."""
    for parts in NESTED[language].values():
        source = nest(language, parts, 100, True) + ("}" if language in INSIDE else "")
        kinds = {item.kind for item in analyze_code(source, language).items}
        assert kinds
        assert ItemKind.ERROR not in kinds, source

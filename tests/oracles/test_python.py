"""The analysis of Python against what others say, on samples of the standard library."""

import pytest

from tests.analyze.show import standard_library
from tests.oracles import python_ast, python_beniget, python_symbols, python_tokens
from tests.oracles.tally import total


@pytest.mark.parametrize("count", [40, pytest.param(1500, marks=pytest.mark.slow)])
def test_items_are_the_statements_of_cpython(count: int) -> None:
    tally = total(python_ast.compare, standard_library(count, seed=2, most=60_000 if count < 100 else 300_000))
    assert tally.differences["headers, only theirs"] == tally.differences["headers, only ours"] == []
    assert tally.share("simple, same", "simple") >= 0.9999
    assert len(tally.differences["simple, only ours"]) <= 0.0001 * tally.counts["simple"]


@pytest.mark.parametrize("count", [25, pytest.param(1500, marks=pytest.mark.slow)])
def test_tokens_are_those_of_tokenize(count: int) -> None:
    tally = total(python_tokens.compare, standard_library(count, seed=21, most=40_000 if count < 100 else 300_000))
    assert dict(tally.differences) == {}
    assert all(tally.counts[kind] for kind in ("names", "keywords", "numbers", "operators", "punctuation", "comments"))


@pytest.mark.parametrize("count", [25, pytest.param(1500, marks=pytest.mark.slow)])
def test_bound_names_are_those_of_symtable(count: int) -> None:
    tally = total(python_symbols.compare, standard_library(count, seed=31, most=40_000 if count < 100 else 300_000))
    for kind in ("function", "class", "module", "lambda", "comprehension"):
        assert tally.share(f"{kind} names, same", f"{kind} names, theirs") >= 0.9999
        assert tally.share(f"{kind} names, same", f"{kind} names, ours") >= 0.9999
    assert tally.counts["function scopes, same"] > 15 * tally.counts["module scopes"]


@pytest.mark.parametrize(("count", "seed"), [(60, 7), pytest.param(600, 11, marks=pytest.mark.slow)])
def test_edges_inside_functions_agree_with_beniget(count: int, seed: int) -> None:
    tally = total(python_beniget.compare, standard_library(count, seed, most=60_000 if count < 100 else 150_000))
    assert tally.counts["edges, same"] > 50 * count
    assert tally.share("edges, same", "edges, ours") >= 0.995
    assert tally.share("edges, same", "edges, theirs") >= 0.99
    assert tally.share(f"functions, same but for {python_beniget.OTHER_FRAME}", "functions") >= 0.98


def test_unknown_names_are_those_of_pyflakes() -> None:
    pytest.importorskip("pyflakes", reason="pyflakes is not installed: pip install pyflakes")
    from tests.oracles import python_undefined

    tally = total(python_undefined.compare, standard_library(60, seed=41))
    assert tally.counts["uses"] > 10_000
    assert tally.differences["only ours"] == []

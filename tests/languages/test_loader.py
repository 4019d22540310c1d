import importlib
import re

import pytest
import tree_sitter

from codeblock.errors import MissingExtraError, UsageError
from codeblock.languages import LANGUAGES, fingerprint, load, loader, resolve_alias

VOCABULARY = re.compile(
    r"""item (\.(header|definition|docstring|absorb))? | comment | body
      | scope\.(fn|lambda|class|comp|block)
      | def (\.(outer|var|hoist|set|read|declare|walrus|now|del|global|nonlocal))*
      | mut | call | ignore | outer | delay | attr (\.(def|def\.read|mut|call))?
      | flow\.(branch|switch|cases|alt|alt\.total|for|while|do|inf|body|post|try|trybody|handler|finally|with)
      | jump\.(return|raise|break|continue)""",
    re.VERBOSE,
)


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_capture_is_one_that_the_engine_knows(name):
    query = load(name).query
    captures = {query.capture_name(i) for i in range(query.capture_count)}
    assert {c for c in captures if not VOCABULARY.fullmatch(c)} == set()


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_pattern_has_one_capture_and_no_predicate(name):
    query = load(name).query
    text = loader._text(name, "codeblock.scm").encode()
    for pattern in range(query.pattern_count):
        own = text[query.start_byte_for_pattern(pattern) : query.end_byte_for_pattern(pattern)]
        own = re.sub(rb"(?m);.*$", b"", own)
        assert len(re.findall(rb"@[\w.]+", own)) == 1, own
        assert query.pattern_settings(pattern) == {} and query.pattern_assertions(pattern) == {}


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_pack_names_only_kinds_that_its_grammar_has(name):
    grammar = load(name).grammar
    kinds = {grammar.node_kind_for_id(i) for i in range(grammar.node_kind_count)}
    tables = loader._tables(name)
    closing = tables["closing"]
    named = [w for key in tables["tokens"] for w in tables["tokens"][key]]
    named += [*closing["brackets"], *closing["brackets"].values(), *closing["string_start"], *closing["string_end"]]
    assert set(named) <= kinds


def test_a_pack_is_loaded_once():
    assert load("python") is load("python")


def test_unknown_pack():
    with pytest.raises(UsageError, match=r"no language pack 'pyhton'; did you mean 'python'\? \(known: python\)"):
        load("pyhton")


def test_missing_grammar_names_its_distribution(monkeypatch):
    def fail(name: str):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(MissingExtraError, match=r"analysing python needs tree-sitter-python.*: pip install tree-sitter-python$"):
        load.__wrapped__("python")


@pytest.mark.parametrize(
    ("info", "language"),
    [
        ("python", "python"),
        ("Python", "python"),
        ("py title='a.py'", "python"),
        ("python{1,3}", "python"),
        ("{.python .numberLines}", "python"),
        ("python3", "python"),
        ("text", None),
        ("pythonic", None),
        ("", None),
        ("```", None),
    ],
)
def test_aliases(info, language):
    assert resolve_alias(info) == language


def test_fingerprint_depends_on_data_and_grammar_version(monkeypatch):
    before = fingerprint()
    assert re.fullmatch("[0-9a-f]{64}", before)
    text = loader._text
    monkeypatch.setattr(loader, "_text", lambda name, file: text(name, file) + ";")
    assert fingerprint.__wrapped__() != before
    monkeypatch.setattr(loader, "_text", text)
    assert fingerprint.__wrapped__() == before
    monkeypatch.setattr(loader.metadata, "version", lambda distribution: "0")
    assert fingerprint.__wrapped__() != before


def test_binding_without_the_use_after_free():
    assert tuple(map(int, loader.metadata.version("tree-sitter").split("."))) >= (0, 26, 1)
    assert load("python").grammar.abi_version >= tree_sitter.MIN_COMPATIBLE_LANGUAGE_VERSION

import importlib
import re
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import pytest
import tree_sitter

from codeblock.errors import MissingExtraError, UsageError
from codeblock.languages import fingerprint, load, load_all, loader, resolve_alias


def test_a_pack_is_loaded_once():
    assert load("python") is load("python")


def test_unknown_pack():
    with pytest.raises(UsageError, match=r"no language pack 'pyhton'; did you mean 'python'\? \(known: python, "):
        load("pyhton")


PACK = {
    "base": '"python"',
    "name": '"mine"',
    "aliases": '["mine"]',
    "endings": '[".mine"]',
}


@pytest.fixture
def own_pack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Write a pack `mine` over Python's."""
    caches = [loader.languages, loader._folders, loader._aliases, loader.tables, loader.load, loader.load_all]
    monkeypatch.setenv(loader.EXTRA, str(tmp_path))

    def write(query: str | None = None, tables: str = "", **changes: str) -> None:
        (tmp_path / "mine").mkdir()
        lines = [f"{key} = {value}" for key, value in {**PACK, **changes}.items()]
        (tmp_path / "mine" / "language.toml").write_text("\n".join([*lines, tables]) + "\n")
        if query is not None:
            (tmp_path / "mine" / "codeblock.scm").write_text(query)
        for cached in caches:
            cached.cache_clear()

    yield write
    monkeypatch.delenv(loader.EXTRA)
    for cached in caches:
        cached.cache_clear()


def test_a_faulty_query_of_ones_own_shows_at_once(own_pack: Callable[..., None]) -> None:
    own_pack("(no_such_node) @item\n")
    with pytest.raises(UsageError, match=r"'mine' is faulty: run `codeblock languages check mine` \(.*no_such_node"):
        load_all()


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"query": "(module) @item\n(block)\n"}, "codeblock.scm:2: a pattern without a capture, which says nothing"),
        ({"query": "(modul) @item\n"}, "codeblock.scm:1: invalid node type: modul; did you mean 'module'?"),
        ({"aliases": '["mine", "py"]'}, "language.toml:3: 'py' is among the aliases of python"),
        ({"endings": '[".py"]'}, "language.toml:4: '.py' is among the endings of python"),
        ({"queries": '["own.scm"]'}, "language.toml: language pack 'mine' has no file own.scm"),
        (
            {"tables": "[detect]\nsiblings = ['pythn']"},
            "language.toml:6: there is no language pack 'pythn'; did you mean 'python'?",
        ),
        (
            {"tables": "[detect]\nfirst_line = '('"},
            "language.toml:6: detect.first_line: '(' is no regular expression: missing ), unterminated subpattern at position 0",
        ),
        (
            {"tables": "[grammar]\nfunction = 'langage'"},
            "language.toml:6: tree_sitter_python has no function 'langage'; did you mean 'language'? (it has language)",
        ),
        (
            {"tables": "[grammar]\nmodule = 'tree_sitter_pyton'"},
            "language.toml:6: tree-sitter-python is installed, but has no module 'tree_sitter_pyton'",
        ),
        (
            {"tables": "[grammar]\nversion = '0.1'"},
            f"language.toml:6: tree-sitter-python is {metadata.version('tree-sitter-python')}; the pack was tested with 0.1, "
            "and node kinds may have changed",
        ),
        (
            {"tables": "[grammar\n"},
            "language.toml:5: not TOML: Expected ']' at the end of a table declaration (at line 5, column 9)",
        ),
    ],
)
def test_check_says_what_is_wrong_and_where(own_pack: Callable[..., None], changes: dict[str, str], fault: str) -> None:
    own_pack(**changes)
    assert [str(found) for found in loader.check("mine")] == [fault]


def test_a_directory_of_packs_must_exist(own_pack: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    own_pack()
    monkeypatch.setenv(loader.EXTRA, "/no/such/place")
    loader._folders.cache_clear()
    with pytest.raises(UsageError, match=r"CODEBLOCK_LANGUAGES is '/no/such/place', which is no directory"):
        loader._folders()


def test_missing_grammar_names_its_distribution(monkeypatch):
    def fail(name: str):
        raise ModuleNotFoundError(name)

    loader.tables("python")
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
    monkeypatch.setattr(loader, "_text", lambda name, file: text(name, file) + ("\n; more" if file.endswith(".scm") else ""))
    assert fingerprint.__wrapped__() != before
    monkeypatch.setattr(loader, "_text", text)
    assert fingerprint.__wrapped__() == before
    monkeypatch.setattr(loader.metadata, "version", lambda distribution: "0")
    assert fingerprint.__wrapped__() != before


def test_binding_without_the_use_after_free():
    assert tuple(map(int, loader.metadata.version("tree-sitter").split("."))) >= (0, 26, 1)
    assert load("python").grammar.abi_version >= tree_sitter.MIN_COMPATIBLE_LANGUAGE_VERSION

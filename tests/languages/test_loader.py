import importlib
import re
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


def test_a_faulty_query_of_ones_own_shows_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    own = tmp_path / "mine"
    own.mkdir()
    (own / "language.toml").write_text('base = "python"\nname = "mine"\naliases = ["mine"]\nendings = [".mine"]\n')
    (own / "codeblock.scm").write_text("(no_such_node) @item\n")
    monkeypatch.setenv(loader.EXTRA, str(tmp_path))
    caches = [loader.languages, loader._folders, loader._aliases]
    for cached in caches:
        cached.cache_clear()
    try:
        with pytest.raises(UsageError, match=r"'mine' is faulty: run `codeblock languages check mine` \(.*no_such_node"):
            load_all()
    finally:
        monkeypatch.delenv(loader.EXTRA)
        for cached in caches:
            cached.cache_clear()


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
    monkeypatch.setattr(loader, "_text", lambda name, file: text(name, file) + ("\n; more" if file.endswith(".scm") else ""))
    assert fingerprint.__wrapped__() != before
    monkeypatch.setattr(loader, "_text", text)
    assert fingerprint.__wrapped__() == before
    monkeypatch.setattr(loader.metadata, "version", lambda distribution: "0")
    assert fingerprint.__wrapped__() != before


def test_binding_without_the_use_after_free():
    assert tuple(map(int, loader.metadata.version("tree-sitter").split("."))) >= (0, 26, 1)
    assert load("python").grammar.abi_version >= tree_sitter.MIN_COMPATIBLE_LANGUAGE_VERSION

import ast
import re
from pathlib import Path

import pytest
import typer.main

from codeblock.cli import app
from codeblock.curate.quality import SOURCES
from codeblock.curate.strategies import SAMPLE_STRATEGIES
from codeblock.select.strategies import STRATEGIES
from tests.conftest import ROOT

PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted((ROOT / "docs").rglob("*.md"))
README = (ROOT / "README.md").read_text()


def test_the_tree_has_a_line_for_every_module_and_only_those() -> None:
    tree = README.split("## The house")[1].split("```")[1]
    source = ROOT / "src" / "codeblock"
    expected = sorted(p.name for p in source.rglob("*.py") if p.name not in ("__init__.py", "__main__.py"))
    assert sorted(re.findall(r"^ +(\w+\.py) ", tree, re.MULTILINE)) == expected


def test_first_docstring_lines_name_one_thing() -> None:
    for path in (ROOT / "src").rglob("*.py"):
        docstring = ast.get_docstring(ast.parse(path.read_text()))
        assert docstring, path
        assert docstring.splitlines()[0].endswith((".", "?")), path


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_every_command_and_strategy_is_documented() -> None:
    for command in typer.main.get_command(app).commands:  # type: ignore[attr-defined]
        assert f"`codeblock {command} " in README
    method = (ROOT / "docs" / "method.md").read_text()
    for strategy in (*STRATEGIES, *SAMPLE_STRATEGIES, *SOURCES):
        assert f"| `{strategy}` |" in method


def test_paths_named_in_the_paper_to_code_table_exist() -> None:
    table = README.split("## From the paper to the code")[1].split("##")[0]
    paths = re.findall(r"`([\w/]+(?:\.py|/))`", table)
    assert len(paths) > 8
    for path in paths:
        assert (ROOT / "src" / "codeblock" / path).exists(), path

"""The page on data names every shape, field and reason, and no others."""

import re

from codeblock.config import ReadSettings
from codeblock.curate.choice import Dropped
from codeblock.data.formats import FORMATS, Reject
from codeblock.data.rows import MAX_DEPTH, Unreadable
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "data.md").read_text()
SOURCES = [path.read_text() for path in (ROOT / "src").rglob("*.py")]


def first_cells(section: str) -> list[str]:
    """The names in the first column of the tables of a section."""
    rows = re.findall(r"^\| (`[^|]*`) \|", PAGE.split(f"## {section}")[1].split("\n## ")[0], re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def test_shapes() -> None:
    assert first_cells("Shapes") == list(FORMATS)
    described = ReadSettings.model_fields["format"].description
    assert described is not None
    for name, form in FORMATS.items():
        assert name in described
        (row,) = re.findall(rf"^\| `{name}` \|.*", PAGE, re.MULTILINE)
        for alternatives in form.fields:
            assert "/".join(f"`{field}`" for field in alternatives) in row
        assert ", ".join(f"`{field}`" for field in form.optional) in row


def test_reasons() -> None:
    named = first_cells("Reasons")
    assert len(named) == len(set(named))
    written = {name for source in SOURCES for name in re.findall(r'RejectedSample\(\s*"(\w+)"', source)}
    written |= {name for source in SOURCES for name in re.findall(r'"reason"(?:\]|:) (?:= )?"(\w+)"', source)}
    written |= {"longer_than_context", "no_response_tokens", "no_supervised_token", "analyze_timeout", "analyze_crash"}
    written |= {"benchmark_overlap", "no_embedding", "quality_timeout", "quality_crash"}
    assert set(named) == {*Unreadable, *Reject, *Dropped, *written}
    assert f"more than {MAX_DEPTH} deep" in PAGE

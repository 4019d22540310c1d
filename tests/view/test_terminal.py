import io
import re

import pytest
from rich.console import Console

from codeblock.view.terminal import SUPERVISED, items_view, sample_view

TEXT = "Sum π:\n```python\nx = 1\ny = x  # é\n```\n"


def span(part: str) -> dict:
    start = TEXT.encode().index(part.encode())
    return {"start": start, "end": start + len(part.encode())}


def item(kind: str, part: str, line: int, verdict: str, supervised: int) -> dict:
    return {
        "segment": 1, "kind": kind, "node": kind, "spans": [span(part)], "core": [], "parent": None, "depth": 0, "line": line,
        "end_line": line, "reach": 0.25, "bridge": 0.5, "tokens": 4, "utility": 0.75, "gate": True, "priority": 1.125,
        "supervised": supervised, "verdict": verdict,
    }  # fmt: skip


def sample(**changes: object) -> dict:
    pi = span("π")
    tokens = [(pi["start"], pi["start"] + 1, True), (pi["start"] + 1, pi["end"], True), (*span("y = x").values(), True)]
    return {
        "id": "one", "source": "data.jsonl", "row": 3, "reason": None, "end_of_turn": False,
        "messages": [{"role": "user", "content": "[bold]sum[/] it"}, {"role": "assistant", "content": TEXT}],
        "segments": [{"response": 0}, {"response": 0}],
        "items": [
            item("simple", "x = 1", 3, "budget", 0),
            item("simple", "y = x", 4, "chosen", 4),
            item("comment", "# é", 4, "words", 0),
        ],
        "edges": [{"source": 0, "target": 1, "variable": "x", "kind": "flow"}],
        "response": [0, 0, 0], "start": [t[0] for t in tokens], "end": [t[1] for t in tokens],
        "supervised": [t[2] for t in tokens],
        **changes,
    }  # fmt: skip


def shown(view: object, width: int = 110) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(view)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_a_sample_cannot_command_the_terminal() -> None:
    hostile = "\x1b]0;title\x07 \x1b[2J \x9b2J \x7f"
    messages = [{"role": "user", "content": hostile}, {"role": "assistant", "content": hostile}]
    view = sample_view(sample(id=hostile, messages=messages, items=[], response=[0], start=[0], end=[4], supervised=[True]), 110)
    text = shown(view)
    assert text.count("␛]0;title␇ ␛[2J") == 3
    assert not set(text) & {"\x1b", "\x07", "\x9b", "\x7f"}


def test_a_sample_shows_its_items_with_scores_and_reasons() -> None:
    lines = [line.split() for line in shown(sample_view(sample(), 110)).splitlines()]
    assert ["0", "3", "x", "=", "1", "0/4", "0.75", "0.25", "0.50", "open", "1.12", "budget", "x→1"] in lines
    assert ["1", "4", "y", "=", "x", "4/4", "0.75", "0.25", "0.50", "open", "1.12", "chosen"] in lines
    assert ["2", "4", "#", "é", "0/4", "words"] in lines
    text = shown(sample_view(sample(), 110))
    assert "one  (data.jsonl, row 3)" in text
    assert "kept · 3 response tokens, 3 supervised (100.0 %) · end of turn not supervised" in text
    assert "chosen = for its own priority" in text
    assert "[bold]sum[/] it" in text, "text of a sample is no markup"


def test_supervised_tokens_are_coloured_and_characters_stay_whole() -> None:
    console = Console(file=io.StringIO(), width=110, record=True, force_terminal=True, color_system="truecolor")
    console.print(sample_view(sample(), 110))
    segments = [s for line in console.render_lines(sample_view(sample(), 110), pad=False) for s in line]
    style = console.get_style(SUPERVISED)
    coloured = [s.text for s in segments if s.style is not None and s.style.bgcolor == style.bgcolor]
    assert coloured == ["3 supervised", "π", "y = x"]


def test_a_dropped_sample_says_why() -> None:
    text = shown(sample_view(sample(items=None, supervised=None, reason="longer_than_context"), 110))
    assert "dropped: longer_than_context" in text


@pytest.mark.parametrize("width", [90, 200])
def test_numbers_are_never_cut(width: int) -> None:
    many = [item("simple", "x = 1", n, "chosen", 4) for n in range(120)]
    view = items_view(many, [], [TEXT.encode()] * 120, width)
    rows = shown(view, width).splitlines()
    assert "119" in rows[120].split()
    assert all("0.75" in row and "1.12" in row for row in rows[1:121])


def test_code_that_no_model_has_seen_shows_kinds_and_edges() -> None:
    items = [
        {
            name: value
            for name, value in one.items()
            if name not in ("tokens", "utility", "gate", "priority", "supervised", "verdict")
        }
        for one in (item("simple", "x = 1", 3, "", 0), item("error", "y = x", 4, "", 0))
    ]
    edges = [{"source": 0, "target": 1, "variable": "x", "kind": kind} for kind in ("call", "flow")]
    out = io.StringIO()
    Console(file=out, width=80).print(items_view(items, edges, [TEXT.encode()] * 2, 80))
    lines = [re.sub(r" +", " ", line).strip() for line in out.getvalue().splitlines()]
    assert lines[1:] == ["0 3 x = 1 simple 0.25 0.50 x→1", "1 4 y = x error"]

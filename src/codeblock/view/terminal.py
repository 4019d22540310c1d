"""One sample in the terminal: its text with the supervised tokens coloured, its items with their scores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from codeblock.view.explained import Explained

SUPERVISED = "bold black on green"
# a response could hold sequences that command the terminal; they are shown as Unicode's pictures of them
_VISIBLE: dict[int, int] = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n\r"},
    0x7F: 0x2421,
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),
}
_VERDICT_STYLE = {"chosen": "green", "required": "cyan", "budget": "yellow"}
_VERDICT_LEGEND = {
    "chosen": "for its own priority",
    "required": "header or fence of a chosen item",
    "budget": "others came first, or it did not fit",
    "nothing": "no core token carries anything to learn",
    "words": "comment or docstring: its words compete with the prose",
    "damaged": "in a region that does not parse",
}


def sample_view(sample: Explained, width: int) -> RenderableType:
    """The whole view of one sample of an artefact, `width` columns wide."""
    title = Text(f"{sample['id']}  ({sample['source']}, row {sample['row']})".translate(_VISIBLE))
    parts: list[RenderableType] = [Rule(title, align="left")]
    if sample["items"] is None:
        parts.append(Text(f"dropped: {sample['reason']}", style="bold red"))
        return Group(*parts)
    parts.append(_summary(sample))
    response = 0
    for message in sample["messages"] or []:
        text = message["content"]
        if message["role"] == "assistant":
            parts += [Text("assistant", style="bold"), Padding(_coloured(text, sample, response), (0, 0, 0, 2))]
            response += 1
        else:
            parts += [Text(message["role"], style="bold"), Padding(Text(text.translate(_VISIBLE), style="dim"), (0, 0, 0, 2))]
    parts.append(items_view(sample["items"], sample["edges"], _texts(sample), width))
    return Group(*parts)


def items_view(items: list[dict[str, Any]], edges: list[dict[str, Any]], texts: list[bytes], width: int) -> RenderableType:
    """A table of items.

    Args:
        items: as in an annotation row, or without the scores, for code that no model has seen.
        edges: the data-flow edges between them.
        texts: the UTF-8 bytes of the text that each item's spans index, per item.
        width: columns of the terminal.
    """
    scored = bool(items) and "utility" in items[0]
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    columns = [("#", len(str(len(items)))), ("line", 4), ("item", 0)]
    columns += [("tokens", 7), ("utility", 7)] if scored else [("kind", 10)]
    columns += [("reach", 5), ("bridge", 6)]
    columns += [("gate", 4), ("priority", 8), ("verdict", 8)] if scored else []
    # the item column has what the others leave; a narrow terminal shows no edges, rather than half of a number
    edges_shown = width >= (110 if scored else 78)
    columns += [("feeds", 24)] if edges_shown else []
    left = max(16, width - sum(size + 1 for _, size in columns))
    for name, size in columns:
        text_like = name in ("item", "kind", "verdict", "feeds")
        table.add_column(
            name,
            justify="left" if text_like else "right",
            no_wrap=True,
            overflow="ellipsis",
            width=left if name == "item" else size,
        )
    feeds = _feeds(edges) if edges_shown else {}
    for number, (item, text) in enumerate(zip(items, texts, strict=True)):
        cells: list[str | Text] = [str(number), Text(str(item["line"]), style="dim"), _outline(item, text)]
        structural = item["kind"] not in ("comment", "docstring", "error")
        if scored:
            cells += [f"{item['supervised']}/{item['tokens']}", _score(item["utility"], structural)]
        else:
            cells.append(Text(item["kind"], style="red" if item["kind"] == "error" else "dim"))
        cells += [_score(item["reach"], structural), _score(item["bridge"], structural)]
        if scored:
            verdict = item["verdict"] or ""
            cells += [
                ("open" if item["gate"] else "shut") if structural else "",
                _score(item["priority"], structural),
                Text(verdict, style=_VERDICT_STYLE.get(verdict, "dim")),
            ]
        if edges_shown:
            cells.append(Text(feeds.get(number, ""), style="dim"))
        table.add_row(*cells)
    used = {item.get("verdict") for item in items}
    legend = "; ".join(f"{verdict} = {meaning}" for verdict, meaning in _VERDICT_LEGEND.items() if verdict in used)
    return Group(table, Text(legend, style="dim")) if legend else table


def _summary(sample: Explained) -> Text:
    """Kept or dropped, and how much of it."""
    supervised, tokens = sum(sample["supervised"]), len(sample["supervised"])
    state = f"dropped: {sample['reason']}" if sample["reason"] else "kept"
    stop = "supervised" if sample["end_of_turn"] else "not supervised"
    share = f"{100 * supervised / max(1, tokens):.1f} %"
    return Text.assemble(
        (state, "bold red" if sample["reason"] else "bold green"),
        f" · {tokens} response tokens, ",
        (f"{supervised} supervised", SUPERVISED),
        f" ({share}) · end of turn {stop}",
    )


def _texts(sample: Explained) -> list[bytes]:
    """Per item, the response that it lies in."""
    answers = [m["content"].encode() for m in sample["messages"] if m["role"] == "assistant"]
    return [answers[sample["segments"][item["segment"]]["response"]] for item in sample["items"]]


def _coloured(text: str, sample: Explained, response: int) -> Text:
    """A response with its supervised tokens in colour."""
    out, data, at = Text(), text.encode(), 0
    for start, end in _runs(sample, response):
        out.append(_visible(data[at:start]))
        out.append(_visible(data[start:end]), style=SUPERVISED)
        at = end
    out.append(_visible(data[at:]))
    return out


def _visible(text: bytes) -> str:
    return text.decode(errors="replace").translate(_VISIBLE)


def _runs(sample: Explained, response: int) -> Iterator[tuple[int, int]]:
    """Byte ranges of touching supervised tokens, so that a character split over two tokens is shown whole."""
    run: tuple[int, int] | None = None
    columns = (sample[name] for name in ("response", "start", "end", "supervised"))
    for where, start, end, supervised in zip(*columns, strict=True):
        if where != response or not supervised:
            continue
        if run and run[1] == start:
            run = run[0], end
        else:
            if run:
                yield run
            run = start, end
    if run:
        yield run


def _outline(item: dict[str, Any], text: bytes) -> Text:
    """First line of an item, indented by its depth."""
    first = item["spans"][0]
    lines = _visible(text[first["start"] : first["end"]]).splitlines() or [""]
    more = " ..." if len(lines) > 1 else ""
    style = {"comment": "dim", "docstring": "dim", "error": "red"}.get(item["kind"], "")
    return Text("  " * item["depth"] + lines[0] + more, style=style)


def _score(value: float, shown: bool) -> str:
    return f"{value:.2f}" if shown else ""


def _feeds(edges: list[dict[str, Any]]) -> dict[int, str]:
    """Per item, the items that its definitions reach, by variable."""
    targets: dict[int, dict[str, dict[str, None]]] = {}  # each once, though it may both call and use what is defined
    for edge in edges:
        targets.setdefault(edge["source"], {}).setdefault(edge["variable"], {})[str(edge["target"])] = None
    return {source: ", ".join(f"{name}→{' '.join(to)}" for name, to in named.items()) for source, named in targets.items()}

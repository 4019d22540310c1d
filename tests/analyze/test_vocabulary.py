"""Captures that Python's pack has no use for, on Python's grammar."""

from dataclasses import replace
from typing import Any

import tree_sitter

from codeblock.analyze.deadline import Deadline
from codeblock.analyze.items import build_items
from codeblock.analyze.lines import Lines
from codeblock.analyze.parse import Parsed, parse
from codeblock.languages import load
from codeblock.spans import ByteSpan


def parsed(source: str, query: str, **changes: Any) -> Parsed:
    language = load("python")
    language = replace(language, query=tree_sitter.Query(language.grammar, query), **changes)
    encoded = source.encode()
    return parse(encoded, Lines(encoded), (ByteSpan(0, len(encoded)),), language, Deadline(60))


def test_an_item_that_begins_with_another_is_not_its_parent() -> None:
    found = parsed("f(a) + b\n", "[(binary_operator) (call)] @item")
    items = build_items(found, 0, 0, Deadline(60))
    assert [(item.spans[0].start, item.parent, item.depth) for item in items] == [(0, None, 0), (5, None, 0)]

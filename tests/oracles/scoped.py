"""A Python source as the program that the data-flow pass sees, with its scopes."""

from __future__ import annotations

from dataclasses import dataclass

from codeblock.analyze.deadline import Deadline
from codeblock.analyze.events import SCOPES, read_events
from codeblock.analyze.items import build_items
from codeblock.analyze.names import ProgramBuilder
from codeblock.analyze.program import Program
from codeblock.languages import load
from codeblock.types import CODE_KINDS, CodeItem
from tests.analyze.show import parsed


@dataclass(frozen=True, slots=True)
class Scoped:
    """A program.

    Attributes:
        items: of the source.
        program: its instructions.
        places: per mention, its scope and name.
        scopes: the module, and all other scopes in the order of the text: kind, line, names that are bound there.
    """

    items: list[CodeItem]
    program: Program
    places: list[tuple[int, bytes]]
    scopes: list[tuple[int, int, frozenset[str]]]


def program_of(source: str) -> Scoped:
    deadline = Deadline(60)
    block = parsed(source, load("python"))
    items = build_items(block, 0, 0, deadline)
    owners = sorted((s, i) for i, item in enumerate(items) if item.kind in CODE_KINDS for s in item.spans)
    builder = ProgramBuilder(deadline)
    builder.add(block, owners)
    declared = [frozenset(name.decode() for name in names) for names in builder._declared]  # what is bound is not yet all of use
    program = builder.finish()
    begins = [block.lines.of(start) for start, _, _, what in read_events(block, owners).ordered if what in SCOPES]
    scopes = list(zip(builder._kinds, [0, *begins], declared, strict=True))
    return Scoped(items, program, builder._places, scopes)

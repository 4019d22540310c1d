import symtable
from collections.abc import Iterator

import pytest

from codeblock.analyze.analyze import analyze_code
from codeblock.analyze.deadline import Deadline
from codeblock.analyze.items import build_items
from codeblock.analyze.lines import Lines
from codeblock.analyze.names import ProgramBuilder
from codeblock.analyze.parse import parse
from codeblock.analyze.program import Program
from codeblock.languages import load
from codeblock.spans import ByteSpan
from codeblock.types import CODE_KINDS
from tests.analyze.show import standard_library


def program_of(source: str) -> Program:
    encoded = source.encode()
    deadline = Deadline(60)
    parsed = parse(encoded, Lines(encoded), (ByteSpan(0, len(encoded)),), load("python"), deadline)
    items = build_items(parsed, 0, 0, deadline)
    builder = ProgramBuilder(deadline)
    builder.add(parsed, sorted((s, i) for i, item in enumerate(items) if item.kind in CODE_KINDS for s in item.spans))
    return builder.finish()


def functions(table: symtable.SymbolTable) -> Iterator[symtable.Function]:
    """Functions in the order of the text; a lambda's body is no frame."""
    for child in sorted(table.get_children(), key=lambda c: c.get_lineno()):
        if isinstance(child, symtable.Function) and child.get_name() not in (
            "lambda",
            "listcomp",
            "setcomp",
            "dictcomp",
            "genexpr",
        ):
            yield child
        yield from functions(child)


def bound(table: symtable.SymbolTable) -> set[str]:
    """Names that the scope binds and that are used or stored in a way that data could flow through."""
    return {
        s.get_name()
        for s in table.get_symbols()
        if s.is_local() and (s.is_assigned() or s.is_parameter() or s.is_imported() or s.is_namespace())
    }


@pytest.mark.parametrize("count", [25])
def test_bound_names_are_those_of_symtable(count):
    checked = 0
    for path, source in standard_library(count, seed=31, most=40_000):
        program = program_of(source)
        ours: list[set[str]] = [set() for _ in program.frames]
        for name, frame in zip(program.names, program.frame_of, strict=True):
            if frame >= 0:
                ours[frame].add(name.decode())
        module = symtable.symtable(source, "m", "exec")
        # a scope inside a frame (lambda, comprehension, class) adds its own names to those of the frame
        for table in functions(module):
            if table.get_children():
                continue
            names = bound(table)
            assert any(frame == names for frame in ours[1:]), (path, table.get_name(), names)
            checked += 1
        assert bound(module) <= ours[0], path
    assert checked > 15 * count


def test_frames_hold_what_runs_at_once():
    program = program_of(
        "a = 1\ndef f(x=a):\n    b = lambda y: y + b\n    class C:\n        c = x\n        def g(self): d = self\n"
    )
    names = [{n.decode() for n, frame in zip(program.names, program.frame_of, strict=True) if frame == i} for i in range(3)]
    assert names == [{"a", "f"}, {"x", "b", "y", "C", "c", "g"}, {"self", "d"}]


def edges_of(source: str, language: str) -> set[tuple[int, int, str, str]]:
    analysis = analyze_code(source, language)
    return {(analysis.items[e.source].line, analysis.items[e.target].line, e.variable, e.kind.value) for e in analysis.edges}


def test_an_import_by_path_goes_by_its_last_part() -> None:
    source = 'import "math/rand"\nvar x = rand.Intn(3)\n'
    assert edges_of(source, "go") == {(1, 2, "rand", "flow")}


def test_a_call_is_a_use_of_a_name_that_else_is_ignored() -> None:
    source = "func (a A) size() int {\n\treturn a.n\n}\nvar x = b.size()\nvar y = b.size\n"
    assert edges_of(source, "go") == {(1, 2, "a", "flow"), (1, 4, "size", "call")}

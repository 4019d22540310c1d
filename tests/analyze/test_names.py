import pytest

from codeblock.analyze.analyze import analyze_code
from codeblock.analyze.deadline import Deadline
from codeblock.analyze.names import ProgramBuilder
from codeblock.errors import AnalysisTimeout
from codeblock.languages import load
from codeblock.spans import ByteSpan
from tests.analyze.show import parsed
from tests.oracles.scoped import program_of


def test_frames_hold_what_runs_at_once():
    scoped = program_of(
        "a = 1\ndef f(x=a):\n    b = lambda y: y + b\n    class C:\n        c = x\n        def g(self): d = self\n"
    )
    program = scoped.program
    names = [{n.decode() for n, frame in zip(program.names, program.frame_of, strict=True) if frame == i} for i in range(3)]
    assert names == [{"a", "f"}, {"x", "b", "y", "C", "c", "g"}, {"self", "d"}]


def test_the_deadline_ends_the_look_up_of_names(monkeypatch: pytest.MonkeyPatch) -> None:
    source = "".join(f"a{n}\n" for n in range(2_000))
    builder = ProgramBuilder(Deadline(60))
    builder.add(parsed(source, load("python")), [(ByteSpan(0, len(source)), 0)])
    looked_up: list[int] = []
    monkeypatch.setattr(builder, "_resolve", lambda mention: looked_up.append(mention) or -1)
    monkeypatch.setattr(builder, "_deadline", Deadline(0))
    with pytest.raises(AnalysisTimeout):
        builder.finish()
    assert len(looked_up) < 1_000


def edges_of(source: str, language: str) -> set[tuple[int, int, str, str]]:
    analysis = analyze_code(source, language)
    return {(analysis.items[e.source].line, analysis.items[e.target].line, e.variable, e.kind.value) for e in analysis.edges}


def test_an_import_by_path_goes_by_its_last_part() -> None:
    source = 'import "math/rand"\nvar x = rand.Intn(3)\n'
    assert edges_of(source, "go") == {(1, 2, "rand", "flow")}


def test_a_call_is_a_use_of_a_name_that_else_is_ignored() -> None:
    source = "func (a A) size() int {\n\treturn a.n\n}\nvar x = b.size()\nvar y = b.size\n"
    assert edges_of(source, "go") == {(1, 2, "a", "flow"), (1, 4, "size", "call")}

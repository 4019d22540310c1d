from pathlib import Path

import pytest
import tree_sitter

from codeblock.languages import load
from tests.oracles.dfg import DEFINED, JUMPS, KINDS, LATER, PUBLISHED, SCOPES, Measured, Walk, chosen, compare

JAVASCRIPT = """\
let x = 1;
if (a) {
  x = 2;
} else {
  let x = 3;
}
while (c) {
  if (x) break;
  x = 4;
}
const f = () => { x = 5; use(y); };
let y = 6;
f(x, y);
"""


def lines(step: int) -> set[str]:
    """What comes from where, as lines and variables."""
    root = tree_sitter.Parser(load("javascript").grammar).parse(JAVASCRIPT.encode()).root_node
    line = {start: JAVASCRIPT.encode().count(b"\n", 0, start) + 1 for start in range(len(JAVASCRIPT))}
    return {f"{line[s]} {line[t]} {name}" for s, t, name in Walk(KINDS["javascript"], root, step).edges}


def test_alternatives_join_and_loops_run_twice() -> None:
    """By name alone, as the papers describe it, and where a first occurrence gives a value."""
    assert lines(PUBLISHED) == {"7 7 c", "3 8 x", "5 8 x", "9 8 x", "3 13 x", "5 13 x", "9 13 x", "11 13 x", "11 13 f", "12 13 y"}
    assert lines(DEFINED) == lines(PUBLISHED) - {"7 7 c"}


def test_steps_add_what_the_description_leaves_out() -> None:
    assert lines(JUMPS) == lines(DEFINED)
    assert lines(SCOPES) == (lines(JUMPS) - {"5 8 x", "5 13 x"}) | {"1 8 x", "1 13 x"}
    assert lines(LATER) == lines(SCOPES) | {"12 11 y"}


@pytest.mark.shared
def test_edges_are_those_of_the_walk_with_all_its_steps(shared_data: Path) -> None:
    """What is left on everything has a verdict: members of records, constants that the walk does not know, what a grammar takes
    for something else, and values in the middle of a recursion."""
    for language, texts in chosen(shared_data, KINDS, 60).items():
        measured = Measured()
        for text in texts:
            measured.add(compare(text, language, [LATER]))
        precision, recall, _, identical = measured.scores(LATER)
        assert (language, precision >= 0.995, recall >= 0.995, identical >= 0.95) == (language, True, True, True)

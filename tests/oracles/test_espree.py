import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.oracles import eslint_scope, espree
from tests.oracles.eslint_scope import compare, variables
from tests.oracles.outcome import Outcome
from tests.oracles.sources import read

needs_node = pytest.mark.skipif(espree.missing() is not None, reason=espree.missing() or "")
CONSTRUCTS = Path(__file__).with_name("constructs.js")


def share(oracle: Callable[[Sequence[str]], list[Outcome | None]], texts: Sequence[str], counted: Sequence[str]) -> float:
    """Of all that the oracle says of sources that it accepts, which are most, the share on which we agree."""
    found = [outcome for outcome in oracle(texts) if outcome is not None]
    assert len(found) > 0.9 * len(texts)
    return sum(o.counts[counted[1]] for o in found) / sum(o.counts[counted[0]] for o in found)


def modules() -> list[str]:
    """Sources of the modules that Node finds: the parser's own, if nothing else."""
    folders = [Path(folder) for folder in os.environ.get("NODE_PATH", "").split(os.pathsep) if folder]
    return [text for _, _, text in read(folders, "javascript", 60)]


@needs_node
def test_every_construct_has_the_parsers_spans() -> None:
    (outcome,) = espree.compare_all([CONSTRUCTS.read_text()])
    assert outcome is not None and outcome.counts["nodes"] > 150
    assert outcome.differences == []


@needs_node
def test_every_name_means_what_it_does_to_eslint() -> None:
    (outcome,) = eslint_scope.compare_all([CONSTRUCTS.read_text()])
    assert outcome is not None and outcome.counts["resolved"] > 270
    assert outcome.counts["agree"] == outcome.counts["resolved"]


@needs_node
def test_real_modules() -> None:
    texts = modules()
    assert share(espree.compare_all, texts, espree.COUNTED) >= 0.995
    assert share(eslint_scope.compare_all, texts, eslint_scope.COUNTED) >= 0.999


@needs_node
@pytest.mark.shared
def test_solutions(shared_data: Path) -> None:
    texts = random.Random(0).sample([text for _, _, text in read([shared_data], "javascript")], 200)
    assert share(espree.compare_all, texts, espree.COUNTED) >= 0.999
    assert share(eslint_scope.compare_all, texts, eslint_scope.COUNTED) >= 0.999


def test_names_of_two_variables_are_told_apart() -> None:
    text = "let x = 1; { let x = 2; f(x); } g(x);"
    ours = variables(text, "javascript")
    outer, inner, first, second, g = 4, 17, 26, 34, 32
    known = [(outer,), (inner,)]
    right = compare(ours, known, [(first, (inner,)), (second, (outer,)), (g, ())])
    assert right.counts == {"resolved": 2, "agree": 2, "global": 1, "unknown to us": 1}
    wrong = compare(ours, known, [(first, (outer,)), (second, (inner,)), (second, ())])
    assert wrong.counts == {"resolved": 2, "agree": 0, "global": 1, "unknown to us": 0}
    assert [(d.theirs, d.ours, d.start) for d in wrong.differences] == [
        *[("a variable", "another variable", at) for at in (first, second)],
        ("a global name", "another variable", second),
    ]


def test_a_variable_of_ours_that_is_two_of_theirs_is_wrong() -> None:
    assert compare({0: 1, 5: 1, 9: 1}, [(0,), (5,)], [(9, (0,))]).counts["agree"] == 0
    assert compare({0: 1, 5: 2, 9: 1}, [(0,), (5,)], [(9, (0,))]).counts["agree"] == 1

"""Oracle: what the names in JavaScript mean, by the scope analysis of ESLint.

``python -m tests.oracles.eslint_scope [--limit N] SOURCES...`` compares it with our variables on all JavaScript in folders,
archives and the shared data. Node finds the analysis through NODE_PATH (``npm install espree eslint-scope``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from codeblock.analyze.deadline import Deadline
from codeblock.analyze.names import ProgramBuilder
from codeblock.analyze.program import Op, Role
from codeblock.languages import load
from codeblock.spans import ByteSpan
from tests.analyze.show import parsed
from tests.oracles.espree import ask
from tests.oracles.outcome import Difference, Outcome, main
from tests.oracles.spans import offsets

COUNTED = ("resolved", "agree", "global", "unknown to us")
Meaning = tuple[int, ...]
"""The first bytes of the names that declare a variable; none for a global name."""


class _Places(ProgramBuilder):
    """A builder that remembers where names stand: each is an item of its own."""

    def __init__(self, deadline: Deadline) -> None:
        super().__init__(deadline)
        self.declared: dict[int, int] = {}  # first bytes to mentions
        self._at = 0

    def _name(self, frame: Any, scope: int, item: int, position: int, name: bytes, role: int) -> None:
        self._at = item
        super()._name(frame, scope, item, position, name, role)

    def _declare(self, scope: int, name: bytes, role: int) -> int:
        scope = super()._declare(scope, name, role)
        self.declared.setdefault(self._at, self._mention(scope, name))
        return scope


def variables(text: str, language: str) -> dict[int, int]:
    """The variable of every name by its first byte, -1 for what the program does not define."""
    block, builder = parsed(text, load(language)), _Places(Deadline(60))
    builder.add(block, [(ByteSpan(start, end), start) for start, end in block.identifiers])
    program = builder.finish()
    found = {at: program.variable_of[mention] for at, mention in builder.declared.items()}
    for frame in program.frames:
        for op, at, mention, role in frame:
            if op in (Op.USE, Op.DEFINE) and not role & Role.ATTR:
                found.setdefault(at, program.variable_of[mention])
    return found


def compare(ours: Mapping[int, int], variables: Iterable[Meaning], references: Sequence[tuple[int, Meaning]]) -> Outcome:
    """Compare our variables, by the first bytes of names, with what references mean.

    We agree on a name if all names that declare its variable, and those of no other variable, are the same variable to us. The
    outcome counts resolved references with those on which we agree, and global ones with those that are unknown to us, too.
    """
    meanings: dict[int, set[Meaning]] = {}
    for declarations in variables:
        for at in declarations:
            meanings.setdefault(ours.get(at, -1), set()).add(declarations)
    counts: Counter[str] = Counter()
    differences: list[Difference] = []
    for at, declarations in references:
        variable = ours.get(at, -1)
        if declarations:
            agree = (
                variable >= 0 and meanings.get(variable) == {declarations} and all(ours.get(d) == variable for d in declarations)
            )
        else:
            agree = variable < 0
        counts.update({COUNTED[0 if declarations else 2]: 1, COUNTED[1 if declarations else 3]: int(agree)})
        if not agree:
            what = "a name that is ignored" if at not in ours else "a global name" if variable < 0 else "another variable"
            differences.append(Difference("a variable" if declarations else "a global name", what, at, at))
    return Outcome(counts, differences)


def compare_all(texts: Sequence[str]) -> list[Outcome | None]:
    """Compare each source; None where it does not parse."""
    outcomes: list[Outcome | None] = []
    for text, answer in zip(texts, ask(texts), strict=True):
        if answer is None:
            outcomes.append(None)
            continue
        at = offsets(text)
        known = [tuple(at[start] for start in declarations) for declarations in answer["variables"]]
        references = [(at[start], tuple(at[one] for one in declarations)) for start, declarations in answer["references"]]
        outcomes.append(compare(variables(text, "javascript"), known, references))
    return outcomes


if __name__ == "__main__":
    main("javascript", compare_all, COUNTED)

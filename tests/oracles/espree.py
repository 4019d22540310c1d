"""Oracle: the spans of JavaScript's statements, members and clauses, by the parser of ESLint.

``python -m tests.oracles.espree [--limit N] SOURCES...`` compares them with our items on all JavaScript in folders, archives
and the shared data. Node finds the parser through NODE_PATH (``npm install espree eslint-scope``).
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tests.oracles.outcome import Outcome, main
from tests.oracles.program import Answer, answers
from tests.oracles.spans import COUNTED, SyntaxTree, compare, offsets

_PROGRAM = Path(__file__).with_name("espree.cjs")
_SEPARATORS = (b";", b",")


@cache
def missing() -> str | None:
    """What is missing to ask ESLint's libraries, with how to get it."""
    if shutil.which("node") is None:
        return "no node on the PATH: install Node.js"
    if subprocess.run(["node", "-e", 'require("espree"); require("eslint-scope")'], capture_output=True).returncode:
        return "no espree: run `npm install espree eslint-scope` somewhere, and set NODE_PATH to its node_modules"
    return None


def ask(texts: Sequence[str]) -> list[Answer | None]:
    """What ESLint's libraries say of sources; None where they do not parse."""
    if absent := missing():
        raise SystemExit(absent)
    return answers(["node", str(_PROGRAM)], texts, "{}.js")


def compare_all(texts: Sequence[str]) -> list[Outcome | None]:
    """Compare each source; None where it does not parse."""
    return [
        answer if answer is None else compare(text, "javascript", _tree(text, answer), _SEPARATORS)
        for text, answer in zip(texts, ask(texts), strict=True)
    ]


def _tree(text: str, answer: Answer) -> SyntaxTree:
    at = offsets(text)
    return SyntaxTree(
        [(kind, at[start], at[end]) for kind, start, end in answer["nodes"]],
        [(at[first], at[end], simple) for first, end, simple in answer["bodies"]],
        [(at[start], at[end]) for start, end in answer["comments"]],
    )


if __name__ == "__main__":
    main("javascript", compare_all, COUNTED)

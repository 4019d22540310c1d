"""Oracle: the spans of Java's statements, declarations and clauses, by the JDK's compiler.

``python -m tests.oracles.javac [--limit N] SOURCES...`` compares them with our items on all Java in folders, archives (the
``src.zip`` of a JDK, say) and the shared data. The ``java`` is that of JAVA_HOME, or of the PATH.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tests.oracles.outcome import Outcome, main
from tests.oracles.program import Answer, answers
from tests.oracles.spans import COUNTED, SyntaxTree, compare, offsets

_SPANS = Path(__file__).with_name("Spans.java")
_TOKEN = re.compile(rb'"""(?:\\.|.)*?"""|"(?:\\.|[^"\\\n])*"|' + rb"'(?:\\.|[^'\\\n])*'|//[^\r\n]*|/\*.*?\*/", re.DOTALL)
_SEPARATORS = (b";", b",")


def java() -> str | None:
    """The command that runs Java, if there is one."""
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=f"{home}/bin" if home else None)


@cache
def missing() -> str | None:
    """What is missing to ask the compiler, with how to get it."""
    command = java()
    version = subprocess.run([command, "--version"], capture_output=True, text=True).stdout if command else ""
    found = re.search(r"\d+", version)
    return None if found and int(found[0]) >= 21 else "no Java 21 or later: install a JDK, and set JAVA_HOME or the PATH to it"


def trees(texts: Sequence[str]) -> list[SyntaxTree | None]:
    """The compiler's trees; None where it finds errors."""
    if absent := missing():
        raise SystemExit(absent)
    found = zip(texts, answers([java() or "", str(_SPANS)], texts, "A{}.java"), strict=True)
    return [answer if answer is None else _tree(text, answer) for text, answer in found]


def _tree(text: str, found: Answer) -> SyntaxTree:
    source, at = text.encode(), offsets(text)
    nodes = [
        # of `finally` the tree has the block only
        (kind, source.rindex(b"finally", 0, at[start]) if kind == "finally" else at[start], at[end])
        for kind, start, end in found["nodes"]
    ]
    bodies = [(at[first], at[end], bool(simple)) for first, end, simple in found["bodies"]]
    comments = [match.span() for match in _TOKEN.finditer(source) if match[0].startswith((b"//", b"/*"))]
    return SyntaxTree(nodes, bodies, comments)


def compare_all(texts: Sequence[str]) -> list[Outcome | None]:
    """Compare each source; None where the compiler finds errors."""
    found = zip(texts, trees(texts), strict=True)
    return [None if tree is None else compare(text, "java", tree, _SEPARATORS) for text, tree in found]


if __name__ == "__main__":
    main("java", compare_all, COUNTED)

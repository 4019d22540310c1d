"""The fixtures of a language pack: sources whose comments say what the analysis must find.

A fixture file holds cases, each behind a comment ``--- name``. In a case, a comment of a caret and some words speaks of the
place above the caret (``<-`` instead of a caret: of the first character of the line above); such comments are taken out before
the rest is analysed. In a language with ``//`` comments::

    // --- a loop carries values
    let total = 0;
    //  ^ as start; is simple
    for (const x of xs) {
    // <- is header
      total += x;
    //^ as sum; from start sum
    }

``is KIND`` and ``is KIND NODE`` name the item there and the grammar's node; ``as LABEL`` gives it a label; ``from LABELS`` lists
all other items whose value of the variable there (on a ``=``, of what stands behind it) may reach it (``from nothing``), with
the kind of an edge that is no ``flow`` behind a colon (``from f:call``); ``under LABEL`` (or ``nothing``) is the header around
it; ``same LABEL`` the item itself; ``core`` and ``not core`` say whether the token there is a core token.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from codeblock.analyze.analyze import analyze_code
from codeblock.languages.contract import Fault
from codeblock.languages.loader import fixtures, load
from codeblock.types import Analysis, EdgeKind, ItemKind

_WORD = re.compile(r"[@$\w]+|=")


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a comment says.

    Attributes:
        line: of the comment in its file, from 1.
        offset: byte in the source of its case.
        clauses: what must hold there.
    """

    line: int
    offset: int
    clauses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """A source, without its assertions."""

    file: str
    line: int
    name: str
    source: str
    assertions: tuple[Assertion, ...]


def cases(name: str) -> list[Case]:
    """All cases of a pack's fixtures."""
    language = load(name)
    return [case for file, text in fixtures(name) for case in _parse(file, text, language.comment, language.preamble)]


def check_case(language: str, case: Case) -> list[Fault]:
    """Analyse a case, and return what is not as it says."""
    analysis = analyze_code(case.source, language)
    run = _Run(case, analysis)
    faults: list[Fault] = []
    for assertion in case.assertions:  # labels first: what comes before may refer to what comes after
        for clause in assertion.clauses:
            if clause.startswith("as "):
                run.labels[clause.removeprefix("as ").strip()] = run.item_at(assertion.offset)
    for assertion in case.assertions:
        for clause in assertion.clauses:
            if (message := run.check(clause, assertion.offset)) is not None:
                faults.append(Fault(case.file, assertion.line, f"{case.name}: {message}"))
    return faults


def _parse(file: str, text: str, comment: str, preamble: str) -> list[Case]:
    found: list[Case] = []
    caret = re.compile(rf"\s*{re.escape(comment)}\s*(\^|<-)(.*)")
    title = re.compile(rf"{re.escape(comment)} --- (.*)")
    name, first, kept, assertions = "", 0, "", []
    above = 0  # where the line that assertions speak of begins

    def finish() -> None:
        if kept.strip():
            found.append(Case(file, first, name, preamble + kept, tuple(assertions)))

    for number, line in enumerate(text.splitlines(keepends=True), 1):
        if match := title.match(line):
            finish()
            name, first, kept, assertions, above = match[1].strip(), number, "", [], 0
        elif match := caret.match(line):
            body = kept[above:]
            column = match.start(1) if match[1] == "^" else len(body) - len(body.lstrip())
            offset = len((preamble + kept[: above + column]).encode())
            clauses = tuple(clause.strip() for clause in match[2].split(";"))
            assertions.append(Assertion(number, offset, clauses))
        else:
            above = len(kept)
            kept += line
    finish()
    return found


class _Run:
    """One case and its analysis."""

    def __init__(self, case: Case, analysis: Analysis) -> None:
        self._source = case.source.encode()
        self._analysis = analysis
        self.labels: dict[str, int | None] = {}

    def item_at(self, offset: int) -> int | None:
        """The item that holds a byte."""
        for number, item in enumerate(self._analysis.items):
            if any(span.start <= offset < span.end for span in item.spans):
                return number
        return None

    def check(self, clause: str, offset: int) -> str | None:
        """What of a clause does not hold, None if all does."""
        verb, *words = clause.split()
        number = self.item_at(offset)
        if number is None:
            return f"{clause!r}: no item is here"
        item = self._analysis.items[number]
        if verb == "as":
            return None if len(words) == 1 else f"{clause!r}: a label is one word"
        if verb == "is":
            if words[0] not in list(ItemKind):
                return f"{clause!r}: kinds are {', '.join(ItemKind)}"
            found = [item.kind.value, item.node][: len(words)]
            return None if found == words else f"{clause!r}: it is {' '.join(found)}"
        if verb == "from":
            return self._check_sources(clause, words, number, offset)
        if verb in ("under", "same"):
            if words[0] not in self.labels and words[0] != "nothing":
                return f"{clause!r}: no such label"
            wanted, here = self.labels.get(words[0]), item.parent if verb == "under" else number
            return None if here == wanted else f"{clause!r}: it is {self._describe(here)}"
        if clause in ("core", "not core"):
            core = any(span.start <= offset < span.end for span in item.core)
            return None if core == (clause == "core") else f"{clause!r}: it is {'' if core else 'not '}core"
        return f"{clause!r}: verbs are is, as, from, under, same, core, not core"

    def _check_sources(self, clause: str, words: list[str], number: int, offset: int) -> str | None:
        names = self._names_at(offset)
        found = {(e.source, e.kind) for e in self._analysis.edges if e.target == number and e.variable in names}
        wanted: set[tuple[int | None, EdgeKind]] = set()
        for word in words if words != ["nothing"] else []:
            label, _, kind = word.partition(":")
            if label not in self.labels or kind not in ("", *EdgeKind):
                return f"{clause!r}: {word!r} is no label, or its kind none of {', '.join(EdgeKind)}"
            wanted.add((self.labels[label], EdgeKind(kind or "flow")))
        if found == wanted:
            return None
        shown = ", ".join(f"{self._describe(source)}:{kind}" for source, kind in sorted(found)) or "nothing"
        return f"{clause!r}: it is {shown}"

    def _names_at(self, offset: int) -> set[str]:
        """The names that the variable at a byte may go by: its own, and as a member of a class."""
        text = self._source.decode()
        at = len(self._source[:offset].decode())
        word = next((m for m in _WORD.finditer(text) if m.start() <= at < m.end()), None)
        if word is None:
            return set()
        bare = re.escape(word[0].lstrip("@$"))
        members = {e.variable for e in self._analysis.edges if re.search(rf"(^|\W){bare}$", e.variable)}
        return {word[0], *members}

    def _describe(self, number: int | None) -> str:
        label = next((label for label, labelled in self.labels.items() if labelled == number), None)
        if label is not None or number is None:
            return label or "nothing"
        span = self._analysis.items[number].spans[0]
        return repr(self._source[span.start : span.end].decode().splitlines()[0])

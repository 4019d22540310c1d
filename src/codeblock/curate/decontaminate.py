"""Whether a sample holds a benchmark task (METHOD A).

A task's text or solution is found in a sample by the runs of tokens (*n-grams*) that both have. White space and case are no part
of a token, so a leak may be indented in another way. A solution is compared in a second form too, in which identifiers are
nameless: each stands for the distance to its previous use, as in Baker's parameterised matching (1993), so that renaming changes
nothing.

It does not see paraphrases, translations to another language, or solutions that were rewritten.
"""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from codeblock.curate.benchmarks import Task
from codeblock.curate.text import tokens
from codeblock.types import Bool, Int64

N = 10
"""Tokens in a run."""

SHORTEST = 6
"""Tokens of the shortest text that is looked for; up to `N`, the text is one run."""

NAMELESS_N = 16
"""Tokens in a run of nameless code, which says less; shorter solutions are not looked for in that form."""

NAMELESS_OVERLAP = 0.6
"""Share of a solution's nameless runs from which a sample holds it."""

Uint64 = npt.NDArray[np.uint64]

_OWN_NAMES = frozenset(name.lower() for name in (*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "self"))
_SEED = 20_251
_PREFIX_BITS = 22
_SHIFT = np.uint64(64 - _PREFIX_BITS)


@dataclass(frozen=True, slots=True)
class Overlap:
    """A task that a sample holds.

    Attributes:
        task: its name.
        part: ``text``, ``solution`` or ``nameless solution``.
        share: of the runs of that part that the sample has.
    """

    task: str
    part: str
    share: float


@dataclass(frozen=True, slots=True)
class _Document:
    task: str
    part: str
    runs: int
    threshold: float


@dataclass(frozen=True, slots=True)
class _Encoded:
    """A text of T tokens.

    Attributes:
        values: [T] of each token; 0 for those that no task has.
        is_name: [T] True for names that could be others.
        distance: [T] of a name to its previous use; 0 for the first use and for all else.
    """

    values: Uint64
    is_name: Bool
    distance: Int64


class Decontaminator:
    """The n-grams of benchmarks, to look for in samples.

    Attributes:
        too_short: texts and solutions that are too short to look for, and are not.

    Args:
        tasks: of the benchmarks.
        overlap: share of a part's runs from which a sample holds it.
    """

    def __init__(self, tasks: Iterable[Task], overlap: float = 0.3) -> None:
        random = np.random.default_rng(_SEED)
        self._factors = random.integers(1, 1 << 63, NAMELESS_N, dtype=np.uint64) | np.uint64(1)
        self._distances = random.integers(1, 1 << 63, NAMELESS_N, dtype=np.uint64)
        self._values: dict[str, int] = {}  # of each token that a task has
        self._documents: list[_Document] = []
        self.too_short = 0
        named: dict[int, list[tuple[Uint64, int]]] = {}
        nameless: list[tuple[Uint64, int]] = []
        for task in tasks:
            for part, texts in (("text", task.texts), ("solution", task.codes)):
                for text in dict.fromkeys(texts):
                    found = tokens(text)
                    if len(found) < SHORTEST:
                        self.too_short += 1
                        continue
                    self._learn(found, random)
                    length = min(N, len(found))
                    encoded = self._encode(found)
                    runs = np.unique(self._named(encoded.values, length))
                    named.setdefault(length, []).append((runs, len(self._documents)))
                    self._documents.append(_Document(task.name, part, len(runs), overlap))
                    if part == "solution" and len(found) >= NAMELESS_N:
                        runs = np.unique(self._nameless(encoded))
                        nameless.append((runs, len(self._documents)))
                        self._documents.append(_Document(task.name, "nameless solution", len(runs), NAMELESS_OVERLAP))
        self._named_runs = {length: _Table(parts) for length, parts in named.items()}
        self._nameless_runs = _Table(nameless)

    def find(self, texts: Sequence[str]) -> Overlap | None:
        """The task that these texts of one sample hold most of; None where they hold none."""
        encoded = [self._encode(tokens(text)) for text in texts]
        shared = np.zeros(len(self._documents), dtype=np.int64)
        for length, table in self._named_runs.items():
            shared += table.count([self._named(one.values, length) for one in encoded], len(shared))
        shared += self._nameless_runs.count([self._nameless(one) for one in encoded], len(shared))
        best: Overlap | None = None
        for number in np.flatnonzero(shared).tolist():
            document = self._documents[number]
            share = int(shared[number]) / document.runs
            if share >= document.threshold and (best is None or share > best.share):
                best = Overlap(document.task, document.part, round(share, 4))
        return best

    def _learn(self, found: Sequence[str], random: np.random.Generator) -> None:
        """Give each new token a random value."""
        for token in found:
            if token not in self._values:
                self._values[token] = int(random.integers(1, 1 << 63, dtype=np.uint64))

    def _encode(self, found: Sequence[str]) -> _Encoded:
        """Tokens as numbers."""
        number: dict[str, int] = {}
        codes = np.array([number.setdefault(token, len(number)) for token in found], dtype=np.int64)
        values = np.array([self._values.get(token, 0) for token in number], dtype=np.uint64)
        renameable = np.array([_is_name(token) for token in number], dtype=np.bool_)
        is_name = renameable[codes]
        is_name[1:] &= codes[:-1] != number.get(".", -1)  # an attribute keeps its name
        places = np.flatnonzero(is_name)
        uses = places[np.argsort(codes[places], kind="stable")]
        again = codes[uses[1:]] == codes[uses[:-1]]
        distance = np.zeros(len(codes), dtype=np.int64)
        distance[uses[1:][again]] = np.diff(uses)[again]
        return _Encoded(values[codes], is_name, distance)

    def _named(self, encoded: Uint64, length: int) -> Uint64:
        """[max(0, T - length + 1)] hashes of the runs of tokens."""
        count = max(0, len(encoded) - length + 1)
        hashes = np.zeros(count, dtype=np.uint64)
        for place in range(length if count else 0):
            hashes += self._factors[place] * encoded[place : place + count]
        return hashes

    def _nameless(self, encoded: _Encoded) -> Uint64:
        """[max(0, T - NAMELESS_N + 1)] hashes of the runs of tokens, in which identifiers have no name."""
        count = max(0, len(encoded.values) - NAMELESS_N + 1)
        hashes = np.zeros(count, dtype=np.uint64)
        for place in range(NAMELESS_N if count else 0):
            here = slice(place, place + count)
            distance = encoded.distance[here]
            # a use before the run is none
            inside = np.where(distance <= place, distance, 0)
            hashes += self._factors[place] * np.where(encoded.is_name[here], self._distances[inside], encoded.values[here])
        return hashes


class _Table:
    """Which documents have a run, by its hash.

    Args:
        parts: the distinct hashes of each document, and its number.
    """

    def __init__(self, parts: Sequence[tuple[Uint64, int]]) -> None:
        hashes = np.concatenate([np.zeros(0, np.uint64), *(runs for runs, _ in parts)])
        owners = np.repeat(np.array([n for _, n in parts], np.int64), [len(runs) for runs, _ in parts])
        order = np.argsort(hashes, kind="stable")
        self._hashes, self._owners = hashes[order], owners[order]
        self._prefixes = np.zeros(1 << _PREFIX_BITS, dtype=np.bool_)
        self._prefixes[hashes >> _SHIFT] = True

    def count(self, runs: Sequence[Uint64], documents: int) -> Int64:
        """[documents] how many distinct runs each shares with a sample."""
        # most runs of most samples are in no document, and this tells so for little
        mine = np.unique(np.concatenate([np.zeros(0, np.uint64), *(r[self._prefixes[r >> _SHIFT]] for r in runs)]))
        begin = np.searchsorted(self._hashes, mine, side="left")
        length = np.searchsorted(self._hashes, mine, side="right") - begin
        hit = length > 0
        if not hit.any():
            return np.zeros(documents, dtype=np.int64)
        begin, length = begin[hit], length[hit]
        places = np.arange(length.sum()) + np.repeat(begin - np.concatenate([[0], np.cumsum(length)[:-1]]), length)
        return np.bincount(self._owners[places], minlength=documents)


def _is_name(token: str) -> bool:
    """Whether a token may be the name of something that a program defines."""
    return (token[0].isalpha() or token[0] == "_") and token not in _OWN_NAMES

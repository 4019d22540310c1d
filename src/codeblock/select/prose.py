"""Informative words of prose, comments and docstrings (METHOD I)."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from codeblock.select.proposal import NEVER, Candidates
from codeblock.select.sample import ScoredSample
from codeblock.spans import CharSpan, TextIndex
from codeblock.types import Bool, Float64, Int32

FUNCTION_WORDS = frozenset(
    """
    a about above after again against all also am an and any are aren't as at be because been before being below between
    both but by can can't cannot could couldn't did didn't do does doesn't doing don't down during each either else etc
    even ever every few for from further had hadn't has hasn't have haven't having he her here hers herself him himself
    his how however i if in into is isn't it it's its itself just let let's like may me might mine more most much must my
    myself neither no nor not now of off on once one only onto or other our ours ourselves out over own per rather same
    shall she should shouldn't since so some such than that that's the their theirs them themselves then there there's
    therefore these they this those though through thus to too under until up upon us very via was wasn't we we'll we're
    were weren't what when where whether which while who whom whose why will with within without won't would wouldn't yet
    you you'll you're your yours yourself
    """.split()
)
"""English words that carry grammar, not content; compared in lower case."""

_WORD = re.compile(r"\w+(?:['’]\w+)*")


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one sample's prose.

    Attributes:
        unit: [R] the word of each response token, by the token's first non-space byte; -1 for none.
        eligible: [W] False for function words and words in which no token begins.
    """

    unit: Int32
    eligible: Bool

    @property
    def count(self) -> int:
        """Number of words, W."""
        return len(self.eligible)

    def candidates(self, score: Float64) -> Candidates:
        """The eligible words with these priorities, [W]."""
        priority = np.where(self.eligible, score, NEVER)
        return Candidates(self.unit, priority, np.full(self.count, -1, dtype=np.int32))


def prose_words(sample: ScoredSample) -> Words:
    """Find the words in the prose, comments and docstrings of a sample.

    A word is a run of letters, digits and underscores, with inner apostrophes; a run without spaces in a script that writes none
    (Chinese, Thai) counts as one word.
    """
    starts: list[int] = []
    ends: list[int] = []
    plain: list[bool] = []
    for low, high in sample.prose.tolist():
        text = sample.text[low:high].decode()
        spans = [match.span() for match in _WORD.finditer(text)]
        if not text.isascii():
            to_bytes = TextIndex(text).to_bytes
            spans = [to_bytes(CharSpan(*span)) for span in spans]
        starts += [low + start for start, _ in spans]
        ends += [low + end for _, end in spans]
        plain += [word.lower() in FUNCTION_WORDS for word in _WORD.findall(text.replace("’", "'"))]
    if not starts:
        return Words(np.full(len(sample.nll), -1, dtype=np.int32), np.zeros(0, dtype=np.bool_))
    word = np.searchsorted(np.array(starts), sample.first, side="right") - 1
    inside = (word >= 0) & (sample.first < np.array(ends)[word])
    unit = np.where(inside, word, -1).astype(np.int32)
    eligible = ~np.array(plain) & (np.bincount(unit[inside], minlength=len(starts)) > 0)
    return Words(unit, eligible)


def word_scores(words: Words, g: Float64) -> Float64:
    """Mean generalised cross-entropy of each word's tokens, [W]; 0 for a word without tokens.

    Args:
        words: of the sample.
        g: [R] generalised cross-entropy of its response tokens.
    """
    inside = words.unit >= 0
    total = np.bincount(words.unit[inside], weights=g[inside], minlength=words.count)
    return total / np.maximum(np.bincount(words.unit[inside], minlength=words.count), 1)

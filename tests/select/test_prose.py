import numpy as np

from codeblock.select.proposal import NEVER
from codeblock.select.prose import prose_words, word_scores
from codeblock.types import Analysis
from tests.select.build import TOKEN, random_nll, scored
from tests.select.example import ANALYSIS, TEXT


def test_words_are_whole_and_function_words_are_no_candidates() -> None:
    sample = scored(TEXT, ANALYSIS, random_nll(3))
    words = prose_words(sample)
    candidates = words.candidates(word_scores(words, sample.nll.astype(np.float64)))
    tokens = TOKEN.findall(TEXT.encode())
    found = {}
    for word in range(words.count):
        text = b"".join(t for t, u in zip(tokens, words.unit, strict=True) if u == word).decode().strip()
        mean = np.mean([n for n, u in zip(sample.nll, words.unit, strict=True) if u == word])
        found[word, text] = bool(words.eligible[word])
        assert candidates.priority[word] == (NEVER if not words.eligible[word] else np.float64(mean)) or np.isclose(
            candidates.priority[word], mean
        )
    assert list(found.items()) == [
        ((0, "Sum"), True), ((1, "the"), False), ((2, "naïve"), True), ((3, "values"), True),
        ((4, "naïve"), True), ((5, "one"), False),
        ((6, "Done"), True), ((7, "and"), False), ((8, "verified"), True),
    ]  # fmt: skip


def test_a_sample_without_prose_has_no_words() -> None:
    one = ANALYSIS.items[0]._replace(segment=0)
    code_only = Analysis(ANALYSIS.segments[1:2], (one,), (), (0.0,), (0.0,))
    words = prose_words(scored(TEXT, code_only, random_nll(0)))
    assert words.count == 0
    assert (words.unit == -1).all()

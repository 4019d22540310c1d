import itertools
import random
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeblock.curate.duplicates import BAND_ROWS, BANDS, band_hashes, near_duplicates, shingle_hashes, similarity
from codeblock.curate.text import shingles
from tests.curate.disguise import comment, reindent, rename
from tests.curate.programs import programs

TEXTS = st.text(alphabet="ab c.\n", max_size=60)


@given(TEXTS, TEXTS)
def test_similarity_is_that_of_the_sets(one: str, other: str) -> None:
    assert similarity(shingle_hashes(one), shingle_hashes(other)) == pytest.approx(jaccard(shingles(one), shingles(other)))


def find(texts: list[str], threshold: float = 0.8) -> dict[int, tuple[int, float]]:
    order = np.arange(len(texts))
    return near_duplicates(order, band_hashes(texts), lambda ns: [shingle_hashes(texts[n]) for n in ns], threshold)


def test_planted_duplicates_are_found_and_no_others() -> None:
    originals = programs(200)
    disguises = [disguise(originals[n]) for n, disguise in enumerate([comment, reindent, str.upper] * 20)]
    found = find(originals + disguises)
    assert {n: other for n, (other, _) in found.items()} == {200 + n: n for n in range(60)}


def test_renaming_changes_too_much_of_a_short_function() -> None:
    (program,) = programs(1)
    assert jaccard(shingles(program), shingles(rename(program))) < 0.8


def test_every_pair_that_is_dropped_is_alike_and_what_stays_is_not() -> None:
    drawn = random.Random(0)
    base = programs(20)
    texts = [" ".join(word for word in text.split() if drawn.random() > 0.03) for text in base for _ in range(5)]
    found = find(texts)
    assert len(found) > 20
    for number, (other, alike) in found.items():
        assert alike == jaccard(shingles(texts[number]), shingles(texts[other])) >= 0.8
        assert other < number
        assert other not in found
    kept = [n for n in range(len(texts)) if n not in found]
    assert all(jaccard(shingles(texts[a]), shingles(texts[b])) < 0.8 for a, b in itertools.combinations(kept, 2))


def test_bands_are_independent_of_what_else_is_hashed() -> None:
    texts = programs(5)
    assert (band_hashes(texts)[2] == band_hashes([texts[2]])[0]).all()
    assert band_hashes(texts).shape == (5, BANDS)
    assert BANDS * BAND_ROWS == 128


def test_nothing_is_no_duplicate() -> None:
    assert find([]) == {}
    assert find(["", "x"]) == {}


def jaccard(one: Iterable[str], other: Iterable[str]) -> float:
    """Size of the intersection over that of the union; 0 for two empty sets."""
    first, second = set(one), set(other)
    union = len(first | second)
    return len(first & second) / union if union else 0.0

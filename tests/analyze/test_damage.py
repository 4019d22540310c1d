"""Real code of every language with random bytes in it."""

import random

import pytest

from codeblock.analyze.analyze import analyze, analyze_code
from codeblock.errors import AnalysisTimeout
from codeblock.languages import languages, load
from tests.analyze.show import check_analysis, mutated, pieces, standard_library


def check(language: str, texts: list[str], seed: int) -> None:
    luck = random.Random(seed)
    for text in texts:
        source = mutated(text, luck)
        try:
            analysis = analyze_code(source, language, seconds=5)
        except AnalysisTimeout:
            assert load(language).exponential
            continue
        check_analysis([source], analysis)
        assert analysis == analyze_code(source, language)


@pytest.mark.parametrize("language", languages())
def test_damaged_fixtures(language: str) -> None:
    check(language, pieces(language) * 2, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("language", languages())
def test_often_damaged_fixtures(language: str) -> None:
    texts = pieces(language)
    check(language, ["\n".join(texts[n : n + 6]) for n in range(len(texts))] * 12, seed=2)


def test_damaged_modules() -> None:
    luck = random.Random(3)
    windows = []
    for _, text in standard_library(40, seed=1):
        start = luck.randrange(max(1, len(text) - 3000))
        windows += [text[start : start + 3000]] * 3
    check("python", windows, seed=4)


def test_damaged_responses() -> None:
    luck = random.Random(5)
    for language in languages():
        for text in pieces(language)[:8]:
            response = mutated(f"Some words:\n\n- one\n  ```{language}\n  {text}\n  ```\n\nand\n\n{text}", luck)
            analysis = analyze([response])
            check_analysis([response], analysis)
            assert analysis == analyze([response])

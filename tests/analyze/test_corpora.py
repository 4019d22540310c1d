from collections import Counter
from pathlib import Path

import pytest

from codeblock.analyze.analyze import analyze_code
from codeblock.types import ItemKind
from tests.analyze.corpora import CORPORA, sources
from tests.analyze.show import check_analysis


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("corpus", CORPORA)
def test_every_source_keeps_every_invariant(corpus: str, shared_data: Path) -> None:
    items: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    for language, text in sources(shared_data, corpus):
        analysis = analyze_code(text, language)
        check_analysis([text], analysis)
        items[language] += len(analysis.items)
        errors[language] += sum(item.kind is ItemKind.ERROR for item in analysis.items)
    assert items
    if corpus in ("mbxp", "exercism"):  # model-made solutions, half of which do not parse in TypeScript; tests made of macros
        return
    assert {language: errors[language] / count for language, count in items.items() if errors[language] > 0.02 * count} == {}

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.oracles.javac import compare_all, java, missing
from tests.oracles.sources import read

pytestmark = pytest.mark.skipif(missing() is not None, reason=missing() or "")


def share(texts: Sequence[str]) -> float:
    """Of all nodes of the sources that the compiler accepts, which are most, the share on which we agree."""
    found = [outcome for outcome in compare_all(texts) if outcome is not None]
    assert len(found) > 0.9 * len(texts)
    return sum(o.counts["agree"] for o in found) / sum(o.counts["nodes"] for o in found)


def test_every_construct_has_the_compilers_spans() -> None:
    (outcome,) = compare_all([Path(__file__).with_name("Constructs.java").read_text()])
    assert outcome is not None and outcome.counts["nodes"] > 80
    assert outcome.differences == []


def test_spans_of_the_jdk() -> None:
    archive = Path(java() or "").resolve().parents[1] / "lib" / "src.zip"
    if not archive.exists():
        pytest.skip(f"no {archive.name} in the JDK: install its sources, or set JAVA_HOME to a JDK that has them")
    assert share([text for _, _, text in read([archive], "java", 80)]) >= 0.995


@pytest.mark.shared
def test_spans_of_solutions(shared_data: Path) -> None:
    texts = [text for corpus, _, text in read([shared_data], "java") if corpus != "mceval"]  # that lacks its last brackets
    assert share(random.Random(0).sample(texts, 150)) >= 0.999

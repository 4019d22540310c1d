import math
from dataclasses import replace
from statistics import mean, median

import numpy as np
import pytest

from codeblock.config import SelectSettings
from codeblock.select.priority import item_scores
from codeblock.select.sample import ScoredSample
from codeblock.types import CODE_KINDS, Analysis
from tests.select.build import TOKEN, random_nll, scored
from tests.select.example import ANALYSIS, TEXT


def gce(nll: float, q: float) -> float:
    return (1 - math.exp(-nll) ** q) / q if q else float(nll)


def naive_utility(sample: ScoredSample, item: int, settings: SelectSettings) -> float:
    """METHOD E with one token at a time."""
    if ANALYSIS.items[item].kind not in CODE_KINDS:
        return 0.0
    mine = [t for t in range(len(sample.nll)) if sample.owner[t] == item and (sample.core[t] or settings.core == "all")]
    scores = [gce(sample.nll[t], settings.q) for t in mine]
    if not scores:
        return 0.0
    if settings.utility == "sum":
        return sum(scores)
    return mean(sorted(scores)[-settings.top_m :] if settings.utility == "top" else scores)


@pytest.mark.parametrize("settings", [
    SelectSettings(),
    SelectSettings(utility="sum", q=0.3),
    SelectSettings(utility="top", top_m=2, q=1),
    SelectSettings(alpha=2, beta=0),
    SelectSettings(gate=False),
    SelectSettings(tau=0.6),
    SelectSettings(q=0),
    SelectSettings(core="all"),
])  # fmt: skip
@pytest.mark.parametrize("seed", range(5))
def test_utility_gate_and_priority_equal_the_formulas(settings: SelectSettings, seed: int) -> None:
    sample = scored(TEXT, ANALYSIS, random_nll(seed))
    scores = item_scores(sample, settings)
    code = [i for i, item in enumerate(ANALYSIS.items) if item.kind in CODE_KINDS]
    utility = [naive_utility(sample, i, settings) for i in range(len(ANALYSIS.items))]
    tau = settings.tau if settings.tau is not None else median(utility[i] for i in code)
    for i, item in enumerate(ANALYSIS.items):
        gate = item.kind in CODE_KINDS and (not settings.gate or utility[i] >= tau)
        lift = settings.alpha * ANALYSIS.reach[i] + settings.beta * ANALYSIS.bridge[i]
        assert scores.utility[i] == pytest.approx(utility[i], rel=1e-12)
        assert scores.gate[i] == gate
        assert scores.priority[i] == pytest.approx(utility[i] * (1 + lift if gate else 1), rel=1e-12)
        assert scores.tokens[i] == np.sum(sample.owner == i)


def test_the_gate_compares_within_one_response() -> None:
    segments = [replace(s, response=1) for s in ANALYSIS.segments]
    items = [i._replace(segment=i.segment + 3, parent=None if i.parent is None else i.parent + 5) for i in ANALYSIS.items]
    both = Analysis(
        (*ANALYSIS.segments, *segments), (*ANALYSIS.items, *items), ANALYSIS.edges, ANALYSIS.reach * 2, ANALYSIS.bridge * 2
    )  # fmt: skip
    count = len(TOKEN.findall(TEXT.encode()))
    easy_then_hard = iter([0.01] * count + [5.0] * count)
    sample = scored([TEXT, TEXT], both, lambda _: next(easy_then_hard))
    gate = item_scores(sample, SelectSettings()).gate
    # within each response all items with core tokens are equal, so all of them reach the median of their own response
    assert gate.tolist() == [True, False, True, True, False] * 2

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeblock.config import SelectSettings
from codeblock.errors import UsageError
from codeblock.select.plan import apply, plan
from codeblock.select.sample import ScoredSample
from codeblock.select.strategies import STRATEGIES, WITH_REFERENCE
from codeblock.types import Selection, Verdict
from tests.select.build import random_nll, scored
from tests.select.example import ANALYSIS, TEXT


def pool(count: int = 6) -> list[ScoredSample]:
    samples = [scored(TEXT, ANALYSIS, random_nll(seed), id=f"s{seed}") for seed in range(count)]
    return [replace(sample, reference=sample.nll[::-1].copy()) for sample in samples]


def select(samples: list[ScoredSample], eos_share: float = 0.0, **settings: object) -> list[Selection]:
    if settings.get("strategy") in WITH_REFERENCE:
        settings["reference"] = "another run"
    with TemporaryDirectory() as directory:
        made = plan(enumerate(samples), SelectSettings(**settings), Path(directory))  # type: ignore[arg-type]
    return [apply(made, n, sample, eos_share) for n, sample in enumerate(samples)]


@pytest.mark.parametrize("name", [n for n in STRATEGIES if n != "full"])
@pytest.mark.parametrize("scope", ["global", "sample"])
@given(st.floats(0.01, 1))
def test_no_strategy_exceeds_the_budget(name: str, scope: str, budget: float) -> None:
    samples = pool(3)
    selections = select(samples, strategy=name, scope=scope, budget=budget)
    total = sum(len(s.nll) for s in samples)
    assert sum(int(s.supervised.sum()) for s in selections) <= budget * total
    if scope == "sample":
        assert all(s.supervised.sum() <= budget * len(sample.nll) for s, sample in zip(selections, samples, strict=True))


@pytest.mark.parametrize("name", STRATEGIES)
@given(st.floats(0.01, 1), st.floats(0.01, 1))
def test_budgets_of_a_pool_are_nested(name: str, one: float, other: float) -> None:
    small, large = (select(pool(3), strategy=name, budget=budget) for budget in sorted((one, other)))
    assert all((a.supervised <= b.supervised).all() for a, b in zip(small, large, strict=True))


def test_under_a_sample_budget_what_is_required_is_not_chosen_for_itself_once_something_did_not_fit() -> None:
    nll = {b"y": 9.0, b"if": 0.001, b" x": 0.001}
    sample = scored(TEXT, ANALYSIS, lambda token: nll.get(token, 0.01))
    (selection,) = select([sample], budget=16, scope="sample", prose_fraction=0)
    assert selection.verdicts is not None
    assert selection.verdicts[2] is Verdict.REQUIRED


@pytest.mark.parametrize("name", ["random-tokens", "top-loss", "token-cleaning"])
def test_token_strategies_use_the_whole_budget(name: str) -> None:
    selections = select(pool(), strategy=name, budget=100)
    assert sum(int(s.supervised.sum()) for s in selections) == 100
    assert all(s.verdicts is None for s in selections)


def test_full_supervises_every_response_token_whatever_the_budget() -> None:
    assert all(s.supervised.all() for s in select(pool(), strategy="full", budget=0.01))


def test_top_loss_takes_the_highest_losses_of_the_pool() -> None:
    samples = pool()
    chosen = np.concatenate(
        [s.nll[c.supervised] for s, c in zip(samples, select(samples, strategy="top-loss", budget=40), strict=True)]
    )
    every = np.sort(np.concatenate([s.nll for s in samples]))
    assert np.sort(chosen).tolist() == every[-40:].tolist()


def test_token_cleaning_takes_what_the_reference_predicts_better_by_most() -> None:
    samples = pool()
    excess = [s.nll.astype(float) - (s.reference if s.reference is not None else 0) for s in samples]
    selections = select(samples, strategy="token-cleaning", budget=40)
    chosen = np.concatenate([e[c.supervised] for e, c in zip(excess, selections, strict=True)])
    assert np.sort(chosen).tolist() == np.sort(np.concatenate(excess))[-40:].tolist()


def test_codeblock_takes_whole_items_with_their_headers_and_fences() -> None:
    for sample, selection in zip(pool(), select(pool(), budget=0.35, prose_fraction=0), strict=True):
        assert selection.verdicts is not None
        for item in range(len(sample.kind)):
            mine = selection.supervised[sample.owner == item]
            assert mine.all() or not mine.any()
            taken = selection.verdicts[item] in (Verdict.CHOSEN, Verdict.REQUIRED)
            assert mine.all() == taken
            if taken:
                fence = selection.supervised[sample.owner == len(sample.kind) + sample.segment[item]]
                assert fence.all()
                if sample.parent[item] >= 0:
                    assert selection.supervised[sample.owner == sample.parent[item]].all()


def test_codeblock_by_token_takes_the_tokens_of_code_that_weigh_most() -> None:
    samples = pool()
    settings = {"unit": "token", "q": 0, "alpha": 0, "beta": 0, "prose_fraction": 0}
    selections = select(samples, budget=20, **settings)
    assert all(s.verdicts is None for s in selections)
    chosen, every = [], []
    for sample, selection in zip(samples, selections, strict=True):
        item = np.clip(sample.owner, 0, len(sample.kind) - 1)
        of_code = (sample.owner == item) & sample.is_code[item] & sample.core
        assert not (selection.supervised & ~of_code).any()
        chosen += sample.nll[selection.supervised].tolist()
        every += sample.nll[of_code].tolist()
    assert sorted(chosen) == sorted(every)[-20:]


def test_structure_lifts_the_tokens_of_an_item() -> None:
    sample = scored(TEXT, ANALYSIS, lambda _: 1.0)
    best = np.argmax(np.where(sample.is_code, sample.reach, -1))
    its_core = sample.core & (sample.owner == best)
    # half a token more, because a budget of 1 means everything
    (selection,) = select([sample], budget=int(its_core.sum()) + 0.5, unit="token", alpha=1, beta=0, prose_fraction=0)
    assert selection.supervised.tolist() == its_core.tolist()


def test_words_have_their_share_beside_single_tokens() -> None:
    by_item, by_token = (select(pool(), budget=0.5, unit=unit) for unit in ("item", "token"))
    for sample, one, other in zip(pool(), by_item, by_token, strict=True):
        outside = (sample.owner < 0) | (sample.owner >= len(sample.kind))
        assert (one.supervised & outside).any() == (other.supervised & outside).any()


def test_verdicts_name_the_reason() -> None:
    (selection,) = select(pool(1), budget=1.0)
    assert selection.verdicts == (Verdict.CHOSEN, Verdict.WORDS, Verdict.CHOSEN, Verdict.CHOSEN, Verdict.NOTHING)
    without_room = select(pool(1), budget=2)[0]
    assert without_room.verdicts == (Verdict.BUDGET, Verdict.WORDS, Verdict.BUDGET, Verdict.BUDGET, Verdict.NOTHING)


def test_without_closure_an_item_takes_only_its_fence_along() -> None:
    nll = {b"y": 9.0, b"if": 0.001, b" x": 0.001}
    sample = scored(TEXT, ANALYSIS, lambda token: nll.get(token, 0.01))
    (alone,) = select([sample], budget=13, prose_fraction=0, closure=False)
    assert alone.verdicts is not None
    assert [v for v in alone.verdicts if v is not Verdict.WORDS][2] is Verdict.CHOSEN
    assert alone.verdicts[2] is Verdict.BUDGET
    (closed,) = select([sample], budget=16, prose_fraction=0)
    assert closed.verdicts is not None
    assert closed.verdicts[2] is Verdict.REQUIRED


def test_selection_does_not_depend_on_the_order_of_samples_under_a_sample_budget() -> None:
    for name in STRATEGIES:
        forward = select(pool(), strategy=name, scope="sample", eos_share=0.5)
        backward = select(pool()[::-1], strategy=name, scope="sample", eos_share=0.5)[::-1]
        for one, other in zip(forward, backward, strict=True):
            assert one.supervised.tolist() == other.supervised.tolist()
            assert one.end_of_turn == other.end_of_turn


def test_seeds_change_random_strategies_and_nothing_else() -> None:
    for name in STRATEGIES:
        one, same, other = (
            [s.supervised.tolist() for s in select(pool(), strategy=name, budget=0.5, seed=seed)] for seed in (1, 1, 2)
        )  # fmt: skip
        assert one == same
        assert (one != other) == name.startswith("random")


def test_end_of_turn_is_supervised_in_about_its_share_of_samples() -> None:
    samples = pool(200)
    assert not any(s.end_of_turn for s in select(samples, eos_share=0.0))
    assert all(s.end_of_turn for s in select(samples, strategy="full", eos_share=1.0))
    assert 25 <= sum(s.end_of_turn for s in select(samples, strategy="full", eos_share=0.25)) <= 75


def test_end_of_turn_never_stands_alone() -> None:
    (selection,) = select([scored(TEXT, ANALYSIS, lambda _: 0.0)], eos_share=1.0, prose_fraction=0)
    assert not selection.supervised.any()
    assert not selection.end_of_turn


def test_nearly_zero_q_ranks_items_like_cross_entropy() -> None:
    by_gce = select(pool(), budget=0.3, q=1e-9, prose_fraction=0)
    for sample, selection in zip(pool(), by_gce, strict=True):
        items = range(len(sample.kind))
        ce = [sample.nll[(sample.owner == i) & sample.core] for i in items]
        expected = [float(np.mean(x)) if len(x) and sample.is_code[i] else 0.0 for i, x in zip(items, ce, strict=True)]
        assert selection.scores.utility == pytest.approx(expected, rel=1e-6)


def test_an_unknown_strategy_names_the_nearest_one() -> None:
    with pytest.raises(UsageError, match="unknown strategy 'codeblok'; did you mean 'codeblock'"):
        plan([], SelectSettings(strategy="codeblok"), Path())

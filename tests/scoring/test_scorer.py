"""Every score against a naive computation: one sample at a time, all logits, the model's own attention."""

import copy
import logging
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from codeblock.errors import ModelError
from codeblock.scoring.scorer import Scorer
from codeblock.types import RenderedSample
from tests.scoring.build import rendered, tiny

PACKED: dict[str, dict[str, Any]] = {
    "llama": {},
    "qwen2": {},
    "qwen3": {},
    "mistral": {"sliding_window": 8},
    "gemma2": {"sliding_window": 8, "attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0, "query_pre_attn_scalar": 8},
    "gemma3_text": {"sliding_window": 8, "query_pre_attn_scalar": 8},
    "granite": {"logits_scaling": 3.0},
    "cohere": {"logit_scale": 0.3},
    "gpt_neox": {},
    "phi": {"num_key_value_heads": 4},
    "starcoder2": {"sliding_window": 8},
}
PADDED: dict[str, dict[str, Any]] = {
    "mamba": {},
    "gpt_oss": {"num_local_experts": 2, "num_experts_per_tok": 1, "sliding_window": 8},
}


def samples(seed: int = 0) -> list[RenderedSample]:
    """Mixed lengths; several responses; one that ends with the sample, one without any token."""
    random = np.random.default_rng(seed)
    made = []
    for n in range(12):
        length = int(random.integers(4, 40))
        a, b, c, d = sorted(random.integers(1, length + 1, 4).tolist())
        made.append(rendered(random.integers(0, 97, length), *([(a, b), (c, d)] if n % 2 else [(a, length)])))
    return [*made, rendered(random.integers(0, 97, 5)), rendered(random.integers(0, 97, 6), (2, 2))]


def naive(model: Any, sample: RenderedSample) -> list[tuple[int, int, float]]:
    """(position, response, -log p)."""
    ids = torch.tensor(sample.input_ids.tolist())[None]
    with torch.no_grad():
        log_p = model(input_ids=ids).logits.float().log_softmax(-1)[0]
    return [
        (t, n, -log_p[t - 1, ids[0, t]].item())
        for n, span in enumerate(sample.responses)
        for t in range(span.start, span.end)
    ]  # fmt: skip


def check(scorer: Scorer, model: Any) -> None:
    batch = samples()
    for sample, scores in zip(batch, scorer.score(batch), strict=True):
        wanted = naive(model, sample)
        assert scores.position.tolist() == [t for t, _, _ in wanted]
        assert scores.response.tolist() == [n for _, n, _ in wanted]
        begin = [sample.responses[n].start for _, n, _ in wanted]
        assert scores.start.tolist() == [t - b for (t, _, _), b in zip(wanted, begin, strict=True)]
        assert scores.end.tolist() == [t - b + 1 for (t, _, _), b in zip(wanted, begin, strict=True)]
        assert scores.nll.dtype == np.float32
        np.testing.assert_allclose(scores.nll, [v for _, _, v in wanted], rtol=0, atol=1e-5 * max(1, *scores.nll, 0))


@pytest.mark.parametrize("architecture", PACKED)
def test_packed_scores_equal_the_naive_ones(architecture: str) -> None:
    model = tiny(architecture, **PACKED[architecture])
    scorer = Scorer(copy.deepcopy(model), batch_tokens=100)
    assert scorer.packed
    check(scorer, model)


@pytest.mark.parametrize("architecture", PADDED)
def test_padded_scores_equal_the_naive_ones(architecture: str, caplog: pytest.LogCaptureFixture) -> None:
    model = tiny(architecture, **PADDED[architecture])
    scorer = Scorer(copy.deepcopy(model), batch_tokens=100)
    assert not scorer.packed
    assert f"{type(model).__name__} does not allow packed samples; they are padded, which is slower" in caplog.text
    check(scorer, model)


def test_scores_tell_samples_apart() -> None:
    """The oracle would prove little on a model that finds all tokens alike."""
    nll = np.concatenate([s.nll for s in Scorer(tiny("llama")).score(samples())])
    assert nll.std() > 0.5


@pytest.mark.parametrize("architecture", ["llama", "gemma2"])
def test_company_changes_rounding_only(architecture: str) -> None:
    scorer, batch = Scorer(tiny(architecture, **PACKED[architecture]), batch_tokens=64), samples(1)
    together = scorer.score(batch)
    order = np.random.default_rng(0).permutation(len(batch))
    shuffled = scorer.score([batch[n] for n in order])
    alone = [scorer.score([sample])[0] for sample in batch]
    for place, n in enumerate(order):
        np.testing.assert_allclose(shuffled[place].nll, together[n].nll, atol=1e-5)
        np.testing.assert_allclose(alone[n].nll, together[n].nll, atol=1e-5)


def test_the_same_samples_give_the_same_bytes() -> None:
    scorer = Scorer(tiny("llama"), batch_tokens=64)
    first, again = scorer.score(samples()), scorer.score(samples())
    assert [s.nll.tobytes() for s in first] == [s.nll.tobytes() for s in again]


def test_batches_hold_every_sample_within_the_limit() -> None:
    scorer = Scorer(tiny("llama"), batch_tokens=20)
    lengths = [3, 20, 0, 7, 50, 19, 1, 7]
    packed = list(scorer._batches(lengths))
    assert sorted(n for batch in packed for n in batch) == [0, 1, 3, 4, 5, 6, 7]
    assert [sum(lengths[n] for n in batch) for batch in packed] == [50, 20, 19, 18]
    scorer.packed = False
    padded = list(scorer._batches(lengths))
    assert [len(batch) * lengths[batch[0]] for batch in padded] == [50, 20, 19, 14, 6]


def test_nothing_to_score() -> None:
    assert Scorer(tiny("llama")).score([]) == []


def test_bytes_before_a_stripped_response_count() -> None:
    (scores,) = Scorer(tiny("llama")).score([replace(rendered(np.arange(10), (4, 8)), stripped=(3,))])
    assert scores.start.tolist() == [3, 4, 5, 6]
    assert scores.end.tolist() == [4, 5, 6, 7]


def test_a_token_that_runs_over_the_end_is_clipped() -> None:
    sample = replace(rendered(np.arange(6), (2, 5)), token_starts=np.array([0, 1, 2, 4, 8, 9, 10], np.int32))
    (scores,) = Scorer(tiny("llama")).score([sample])
    assert scores.position.tolist() == [2, 3]
    assert scores.start.tolist() == [0, 2]
    assert scores.end.tolist() == [2, 3]


def test_an_unknown_head_is_refused() -> None:
    model = tiny("llama")
    model.lm_head.register_forward_hook(lambda *_: None)
    own = type(model).forward

    def doubled(self: Any, **inputs: Any) -> Any:
        output = own(self, **inputs)
        output.logits = output.logits * 2
        return output

    model.forward = doubled.__get__(model)
    with pytest.raises(
        ModelError, match=r"^the logits of LlamaForCausalLM are not its LM head of its last hidden states \(they differ"
    ):
        Scorer(model)


def test_a_model_without_head_is_refused() -> None:
    model = tiny("llama")
    model.get_output_embeddings = lambda: None
    with pytest.raises(ModelError, match="LlamaForCausalLM has no linear LM head, so it cannot score tokens"):
        Scorer(model)


def test_bfloat16_scores_stay_close(caplog: pytest.LogCaptureFixture) -> None:
    exact, model = Scorer(tiny("llama")), tiny("llama").to(torch.bfloat16)
    with caplog.at_level(logging.WARNING):
        rough = Scorer(model)
    assert rough.packed
    one, other = (np.concatenate([s.nll for s in scorer.score(samples())]) for scorer in (exact, rough))
    assert other.dtype == np.float32
    assert 0 < np.abs(one - other).mean() < 0.2

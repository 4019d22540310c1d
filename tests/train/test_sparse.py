"""Loss and every gradient of the sparse step against plain -100 labels through the model's own forward pass."""

import itertools
import logging
from typing import Any

import pytest
import torch

from codeblock.config import SavingsSettings
from codeblock.errors import ModelError
from codeblock.train.sparse import sparsify
from tests.scoring.build import tiny

Result = tuple[float, dict[str, torch.Tensor]]
"""Loss, and gradients by name of the parameter."""

KINDS = ["sliding_attention", "full_attention"]
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {}),
    "smollm": ("llama", {"num_attention_heads": 6, "num_key_value_heads": 2, "hidden_size": 48, "tie_word_embeddings": True}),
    "smollm3": ("smollm3", {"num_hidden_layers": 5}),
    "qwen2": ("qwen2", {"tie_word_embeddings": True}),
    "qwen3": ("qwen3", {}),
    "mistral": ("mistral", {"sliding_window": 8}),
    "gemma": ("gemma", {}),
    "gemma2": (
        "gemma2",
        {"sliding_window": 8, "attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0, "query_pre_attn_scalar": 8},
    ),
    "gemma3": ("gemma3_text", {"sliding_window": 8, "query_pre_attn_scalar": 8, "layer_types": KINDS}),
    "granite": ("granite", {"logits_scaling": 3.0}),
    "phi3": ("phi3", {}),
}  # fmt: skip


def build(name: str, **changes: Any) -> Any:
    architecture, sizes = MODELS[name]
    return tiny(architecture, **(sizes | changes)).train().requires_grad_(True)


def lora(model: Any) -> Any:
    """With adapters that do something from the start."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
    adapted = get_peft_model(model, config)
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.1)
    return adapted


def rows(seed: int = 0, count: int = 5, longest: int = 40) -> list[dict[str, Any]]:
    """Samples of mixed lengths: supervised here and there, to the very end, once, and at the first place that can be."""
    random = torch.Generator().manual_seed(seed)
    made = []
    for n in range(count):
        length = int(torch.randint(5, longest, (1,), generator=random))
        ids = torch.randint(0, 97, (length,), generator=random)
        labels = ids.where(torch.rand(length, generator=random) < 0.2, -100)
        if n == 1:
            labels[-1] = ids[-1]
        if n == 2:
            labels[:] = -100
            labels[length // 2] = ids[length // 2]
        labels[0], labels[1] = -100, ids[1] if n % 2 == 0 else -100
        if not (labels != -100).any():
            labels[2] = ids[2]
        made.append({"input_ids": ids.tolist(), "labels": labels.tolist()})
    return made


def gradients(model: Any) -> dict[str, torch.Tensor]:
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return found


def plain(model: Any, samples: list[dict[str, Any]], weights: list[list[float]] | None = None) -> Result:
    """One sample at a time, all logits, mean over the supervised tokens (or weighted mean)."""
    losses, total = [], 0.0
    for n, sample in enumerate(samples):
        logits = model(input_ids=torch.tensor([sample["input_ids"]]), use_cache=False).logits[0, :-1].float()
        labels = torch.tensor(sample["labels"])[1:]
        nll = torch.nn.functional.cross_entropy(logits, labels, reduction="none", ignore_index=-100)
        weight = (labels != -100).float() if weights is None else torch.tensor(weights[n])[1:] * (labels != -100)
        losses.append((nll * weight).sum())
        total += float(weight.sum())
    loss = torch.stack(losses).sum() / total
    loss.backward()
    return loss.item(), gradients(model)


def sparse(model: Any, made: Any, samples: list[dict[str, Any]], micro: int | None = None) -> Result:
    """In micro-batches, each divided by the weight of all samples."""
    batches = [made.collator(samples[n : n + (micro or len(samples))]) for n in range(0, len(samples), micro or len(samples))]
    total = sum(batch["weights"].sum() for batch in batches)
    loss = 0.0
    with made.active():
        for batch in batches:
            part = model(**batch).loss / total
            part.backward()
            loss += part.item()
    return loss, gradients(model)


def compare(found: Result, wanted: Result, limit: float = 1e-5) -> None:
    assert found[0] == pytest.approx(wanted[0], rel=limit)
    assert found[1].keys() == wanted[1].keys()
    assert wanted[1]
    for name, gradient in wanted[1].items():
        scale = max(float(gradient.norm()), 1e-6)
        assert float((found[1][name] - gradient).norm()) <= limit * scale, name


@pytest.mark.parametrize("name", MODELS)
def test_every_family_is_exact(name: str):
    model = build(name)
    wanted = plain(model, rows())
    made = sparsify(model, SavingsSettings())
    assert made.collator.packed and not made.reasons
    compare(sparse(model, made, rows()), wanted)


@pytest.mark.parametrize("switches", list(itertools.product((False, True), repeat=4)))
def test_every_combination_of_savings_is_exact(switches: tuple[bool, ...]):
    model = build("qwen2")
    wanted = plain(model, rows())
    savings = dict(zip(("head", "truncate", "prune", "pack"), switches, strict=True))
    compare(sparse(model, sparsify(model, SavingsSettings(**savings)), rows()), wanted)


@pytest.mark.parametrize("name", ["llama", "gemma2", "qwen3"])
def test_lora_is_exact(name: str):
    model = lora(build(name))
    wanted = plain(model, rows())
    assert all("lora" in parameter for parameter in wanted[1])
    made = sparsify(model, SavingsSettings())
    assert not made.reasons
    compare(sparse(model, made, rows()), wanted)


@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.parametrize("name", ["llama", "gemma3"])
def test_gradient_checkpointing_and_accumulation_are_exact(name: str, reentrant: bool):
    model = build(name)
    wanted = plain(model, rows())
    made = sparsify(model, SavingsSettings())
    model.gradient_checkpointing_enable({"use_reentrant": reentrant})
    compare(sparse(model, made, rows(), micro=2), wanted)  # the last micro-batch has one sample


def test_head_with_lora_is_exact():
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(build("llama"), LoraConfig(r=4, target_modules=["lm_head", "q_proj"], init_lora_weights=False))
    wanted = plain(model, rows())
    compare(sparse(model, sparsify(model, SavingsSettings()), rows()), wanted)


def test_weights_of_tokens():
    model = build("llama")
    samples = rows()
    weights = [torch.rand(len(s["labels"]), generator=torch.Generator().manual_seed(n)).tolist() for n, s in enumerate(samples)]
    wanted = plain(model, samples, weights)
    weighted = [sample | {"weights": w} for sample, w in zip(samples, weights, strict=True)]
    compare(sparse(model, sparsify(model, SavingsSettings()), weighted), wanted)


def test_more_positions_than_a_tile_of_the_head():
    model = build("gemma2", max_position_embeddings=512)
    samples = rows(count=14, longest=400)
    made = sparsify(model, SavingsSettings())
    assert len(made.collator(samples)["rows"]) > 256
    compare(sparse(model, made, samples), plain(model, samples))


def test_bfloat16_is_as_near_to_float32_as_plain_labels_are():
    exact = plain(build("llama"), rows())[1]
    half = build("llama").to(torch.bfloat16)

    def error(found: dict[str, torch.Tensor]) -> float:
        return sum(float((found[n].float() - g).norm() ** 2) for n, g in exact.items()) ** 0.5

    by_plain = error(plain(half, rows())[1])
    by_sparse = error(sparse(half, sparsify(half, SavingsSettings()), rows())[1])
    assert by_sparse < 1.2 * by_plain


def test_nothing_that_is_not_needed_is_computed():
    model = build("llama")
    made = sparsify(model, SavingsSettings())
    seen: dict[str, int] = {}
    for name in ("0.mlp", "1.mlp", "1.self_attn.q_proj", "1.self_attn.k_proj"):
        module = model.get_submodule(f"model.layers.{name}")
        module.register_forward_hook(lambda _m, _i, out, name=name: seen.update({name: out.shape[1]}))
    samples = rows(count=6)
    supervised = [[t for t, label in enumerate(s["labels"]) if label != -100] for s in samples]
    sparse(model, made, samples)
    needed = sum(s[-1] for s in supervised)
    assert needed <= seen["0.mlp"] == seen["1.self_attn.k_proj"] < needed + 64
    assert seen["1.mlp"] == seen["1.self_attn.q_proj"] == sum(map(len, supervised))


def cosine(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    one, other = (torch.cat([g[n].flatten() for n in a]) for g in (a, b))
    return float(torch.nn.functional.cosine_similarity(one, other, dim=0))


@pytest.mark.parametrize("adapted", [False, True])
def test_a_live_window_keeps_the_loss_and_approaches_the_gradient(adapted: bool):
    model = lora(build("qwen3", num_hidden_layers=3)) if adapted else build("qwen3", num_hidden_layers=3)
    samples = rows()
    loss, exact = plain(model, samples)
    found = {}
    for window in (0, 4, 64):
        result = sparse(model, sparsify(model, SavingsSettings(live_window=window)), samples)
        assert result[0] == pytest.approx(loss, rel=1e-5)
        found[window] = cosine(result[1], exact)
    assert 0.2 < found[0] < found[4] < 0.9999
    assert found[64] == pytest.approx(1, abs=1e-6)  # everything is live


def test_a_live_window_with_gradient_checkpointing():
    model = build("llama")
    made = sparsify(model, SavingsSettings(live_window=3))
    wanted = sparse(model, made, rows())
    model.gradient_checkpointing_enable({"use_reentrant": False})
    compare(sparse(model, made, rows()), wanted)


FALLBACK: dict[str, tuple[str, dict[str, Any], str]] = {
    "no norm before attention": ("olmo2", {}, "prune"),
    "attention and MLP side by side": ("cohere", {"logit_scale": 0.3}, "prune"),
    "no attention at all": ("mamba", {}, "pack"),
    "attention sinks": ("gpt_oss", {"num_local_experts": 2, "num_experts_per_tok": 1, "sliding_window": 8}, "pack"),
}  # fmt: skip


@pytest.mark.parametrize("case", FALLBACK)
def test_other_architectures_save_less_and_say_so(case: str, caplog: pytest.LogCaptureFixture):
    architecture, sizes, lost = FALLBACK[case]
    model = tiny(architecture, **sizes).train().requires_grad_(True)
    wanted = plain(model, rows())
    with caplog.at_level(logging.WARNING):
        made = sparsify(model, SavingsSettings())
    assert f"is trained without saving '{lost}': " in caplog.text
    assert made.collator.savings.head
    compare(sparse(model, made, rows()), wanted)


def test_what_cannot_be_trained_is_refused():
    model = tiny("mixtral", num_local_experts=2, output_router_logits=True)
    with pytest.raises(ModelError, match=r"MixtralForCausalLM cannot be trained sparsely: its loss has a part for the routing"):
        sparsify(model, SavingsSettings())
    with pytest.raises(ModelError, match="MambaForCausalLM cannot be trained with a live window: "):
        sparsify(tiny("mamba"), SavingsSettings(live_window=8))


def test_the_model_still_does_what_it_did():
    model = build("gemma2").eval()
    ids = torch.arange(20)[None]
    before = model(input_ids=ids).logits, model.generate(ids, max_new_tokens=5, do_sample=False)
    made = sparsify(model, SavingsSettings())
    with made.active():
        assert model.config._attn_implementation == "codeblock_sparse"
    assert torch.equal(model(input_ids=ids).logits, before[0])
    assert torch.equal(model.generate(ids, max_new_tokens=5, do_sample=False), before[1])


def test_attention_dropout_is_kept():
    model = build("llama", attention_dropout=0.5)
    made = sparsify(model, SavingsSettings())
    assert sparse(model, made, rows())[0] != sparse(model, made, rows())[0]

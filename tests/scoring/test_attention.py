"""Attention over packed sequences, in one call where torch has it, is that of each sequence by itself."""

from typing import Any

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from codeblock.scoring import attention
from codeblock.scoring.attention import packed_attention

LENGTHS = (5, 1, 12)


def states(heads: int) -> torch.Tensor:
    return torch.randn(1, heads, sum(LENGTHS), 8, generator=torch.Generator().manual_seed(heads))


def varlen(q: Any, k: Any, v: Any, bounds: Any, key_bounds: Any, longest: int, longest_key: int, **options: Any) -> Any:
    """What torch documents of `varlen_attn`, which runs on GPUs only: [tokens, heads, d], a window of tokens before and after."""
    before, after = options["window_size"]
    assert [after, longest, longest_key, options["enable_gqa"]] == [0, 12, 12, True]
    assert bounds.tolist() == key_bounds.tolist() == [0, 5, 6, 18]
    outputs = []
    for start, end in zip(bounds.tolist(), bounds.tolist()[1:], strict=False):
        place = torch.arange(end - start)
        seen = place[:, None] >= place
        if before >= 0:
            seen &= place >= place[:, None] - before
        parts = (x[start:end].transpose(0, 1)[None] for x in (q, k, v))
        out = scaled_dot_product_attention(*parts, attn_mask=seen, scale=options["scale"], enable_gqa=True)
        outputs.append(out[0].transpose(0, 1))
    return torch.cat(outputs)


@pytest.mark.parametrize("window", [None, 1, 4])
def test_one_call_for_all_sequences(window: int | None, monkeypatch: pytest.MonkeyPatch):
    arguments: dict[str, Any] = {"scaling": 0.3, "sliding_window": window, "sequence_lengths": LENGTHS}
    inputs = (torch.nn.Identity(), states(4), states(2), states(2), None)
    wanted, _ = packed_attention(*inputs, **arguments)
    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", varlen)
    monkeypatch.setattr(attention, "_has_varlen", lambda _: True)
    found, _ = packed_attention(*inputs, **arguments)
    assert torch.allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("softcap", [None, 2.0])
@pytest.mark.parametrize("window", [None, 4])
def test_some_tokens_ask(window: int | None, softcap: float | None):
    arguments: dict[str, Any] = {"sliding_window": window, "softcap": softcap, "sequence_lengths": LENGTHS}
    query, key, value = states(4), states(2), states(2) + 1
    everything, _ = packed_attention(torch.nn.Identity(), query, key, value, None, **arguments)
    asked = torch.tensor([1, 4, 6, 9, 17])  # none in the second sequence
    some, _ = packed_attention(
        torch.nn.Identity(), query[:, :, asked], key, value, None, query_positions=asked, query_lengths=(2, 0, 3), **arguments
    )
    assert torch.allclose(some, everything[:, asked], atol=1e-6)

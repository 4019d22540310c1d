"""Exact causal attention over sequences that lie packed in one row.

transformers would build a dense block-diagonal mask [tokens, tokens], and with a mask torch's fast causal kernels do not run.
Here each sequence is attended by itself, without any mask. Importing this module needs torch and transformers.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

PACKED = "codeblock_packed"
"""Name of the attention implementation, for `set_attn_implementation`."""


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    sequence_lengths: tuple[int, ...] | None = None,
    is_causal: bool | None = None,
    s_aux: torch.Tensor | None = None,
    position_bias: torch.Tensor | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attend within each sequence; the signature is that of transformers' attention functions.

    Args:
        module: the attention layer.
        query: [1, heads, T, d].
        key: [1, key-value heads, T, d]; as many heads as the query's, or a divisor.
        value: like `key`.
        attention_mask: must be None; the sequences say it all.
        scaling: of the products; 1 / sqrt(d) when absent.
        sliding_window: a token sees itself and the ``sliding_window - 1`` tokens before it.
        softcap: products x become ``softcap * tanh(x / softcap)``.
        sequence_lengths: in order of the row, T together.
        is_causal: must not be False.
        s_aux: attention sinks, not supported.
        position_bias: not supported.

    Returns:
        [1, T, heads, d], and no attention weights.

    Raises:
        NotImplementedError: the layer wants something that is not computed here.
    """
    if attention_mask is not None or is_causal is False or s_aux is not None or position_bias is not None:
        raise NotImplementedError(f"{type(module).__name__} needs more than causal attention")
    if sequence_lengths is None or sum(sequence_lengths) != query.shape[2] or query.shape[0] != 1:
        raise NotImplementedError(f"{type(module).__name__} is not told the lengths of the packed sequences")
    outputs: list[torch.Tensor] = []
    parts = zip(*(x.split(sequence_lengths, dim=2) for x in (query, key, value)), strict=True)
    for q, k, v in parts:
        length = q.shape[2]
        banded = sliding_window is not None and length > sliding_window
        if softcap is not None:
            outputs.append(_softcapped(q, k, v, scaling, softcap, sliding_window if banded else None))
            continue
        mask = _causal_band(length, sliding_window, q.device) if banded else None
        gqa = q.shape[1] != k.shape[1]
        outputs.append(
            scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None, scale=scaling, enable_gqa=gqa)
        )
    return torch.cat([o.transpose(1, 2) for o in outputs], dim=1), None


def _causal_band(length: int, window: int | None, device: torch.device) -> torch.Tensor:
    """Bool [length, length]: True where token i sees token j."""
    seen = torch.ones(length, length, dtype=torch.bool, device=device).tril()
    return seen if window is None else seen.triu(1 - window)


def _softcapped(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float | None, softcap: float, window: int | None
) -> torch.Tensor:
    """Attention of one sequence with capped products, which torch's kernels do not have."""
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    products = query @ key.transpose(2, 3) * (query.shape[-1] ** -0.5 if scaling is None else scaling)
    products = torch.tanh(products / softcap) * softcap
    hidden = ~_causal_band(query.shape[2], window, query.device)
    weights = products.masked_fill(hidden, float("-inf")).softmax(dim=-1, dtype=torch.float32)
    return weights.to(value.dtype) @ value


# no mask function of this name exists, so transformers builds no mask
AttentionInterface.register(PACKED, packed_attention)

"""Exact causal attention over sequences that lie packed in one row.

transformers would build a dense block-diagonal mask [tokens, tokens], and with a mask torch's fast causal kernels do not run.
Here each sequence is attended by itself, without any mask where all its tokens ask; on a GPU all of them in one call of torch's
FlashAttention for sequences of varying length. Importing this module needs torch and transformers.
"""

from __future__ import annotations

from itertools import accumulate
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
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    sequence_lengths: tuple[int, ...] | None = None,
    query_positions: torch.Tensor | None = None,
    query_lengths: tuple[int, ...] | None = None,
    is_causal: bool | None = None,
    s_aux: torch.Tensor | None = None,
    position_bias: torch.Tensor | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attend within each sequence; the signature is that of transformers' attention functions.

    Args:
        module: the attention layer.
        query: [1, heads, T, d], or [1, heads, S, d] of the tokens at `query_positions`.
        key: [1, key-value heads, T, d]; as many heads as the query's, or a divisor.
        value: like `key`.
        attention_mask: must be None; the sequences say it all.
        scaling: of the products; 1 / sqrt(d) when absent.
        dropout: share of the attention weights that are dropped.
        sliding_window: a token sees itself and the ``sliding_window - 1`` tokens before it.
        softcap: products x become ``softcap * tanh(x / softcap)``.
        sequence_lengths: in order of the row, T together.
        query_positions: [S], ascending in the row: the tokens that ask; all of them when absent.
        query_lengths: how many of them lie in each sequence.
        is_causal: must not be False.
        s_aux: attention sinks, not supported.
        position_bias: not supported.

    Returns:
        [1, T or S, heads, d], and no attention weights.

    Raises:
        NotImplementedError: the layer wants something that is not computed here.
    """
    if attention_mask is not None or is_causal is False or s_aux is not None or position_bias is not None:
        raise NotImplementedError(f"{type(module).__name__} needs more than causal attention")
    if sequence_lengths is None or sum(sequence_lengths) != key.shape[2] or query.shape[0] != 1:
        raise NotImplementedError(f"{type(module).__name__} is not told the lengths of the packed sequences")
    if query_positions is None and _has_varlen(query) and softcap is None and dropout == 0:
        return _flash(query, key, value, scaling, sliding_window, sequence_lengths), None
    lengths = sequence_lengths if query_lengths is None else query_lengths
    starts = (0, *accumulate(sequence_lengths))
    outputs: list[torch.Tensor] = []
    asked = [None] * len(lengths) if query_positions is None else query_positions.split(lengths)
    parts = zip(
        query.split(lengths, dim=2), key.split(sequence_lengths, dim=2), value.split(sequence_lengths, dim=2), strict=True
    )
    for start, places, (q, k, v) in zip(starts, asked, parts, strict=False):
        if q.shape[2] == 0:
            continue
        length = k.shape[2]
        window = sliding_window if sliding_window is not None and length > sliding_window else None
        mine = None if places is None or len(places) == length else places - start
        seen = None if mine is None and window is None else _seen(length, window, q.device, mine)
        if softcap is not None:
            seen = _seen(length, window, q.device) if seen is None else seen
            outputs.append(_softcapped(q, k, v, seen, scaling, softcap, dropout))
            continue
        gqa = q.shape[1] != k.shape[1]
        outputs.append(
            scaled_dot_product_attention(
                q, k, v, attn_mask=seen, dropout_p=dropout, is_causal=seen is None, scale=scaling, enable_gqa=gqa
            )
        )
    return torch.cat([o.transpose(1, 2) for o in outputs], dim=1), None


def _seen(length: int, window: int | None, device: torch.device, places: torch.Tensor | None = None) -> torch.Tensor:
    """Bool [tokens that ask, length]: True where one at `places` (all of them when None) sees a token."""
    token = torch.arange(length, device=device)
    asking = (token if places is None else places).unsqueeze(1)
    seen = token <= asking
    return seen if window is None else seen & (token > asking - window)


def _softcapped(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    seen: torch.Tensor,
    scaling: float | None,
    softcap: float,
    dropout: float,
) -> torch.Tensor:
    """Attention of one sequence with capped products, which torch's kernels do not have."""
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    products = query @ key.transpose(2, 3) * (query.shape[-1] ** -0.5 if scaling is None else scaling)
    products = torch.tanh(products / softcap) * softcap
    weights = products.masked_fill(~seen, float("-inf")).softmax(dim=-1, dtype=torch.float32)
    return torch.dropout(weights.to(value.dtype), dropout, train=dropout > 0) @ value


def _has_varlen(query: torch.Tensor) -> bool:
    """Whether torch can attend to all sequences in one call."""
    half = query.dtype in (torch.float16, torch.bfloat16)
    return query.is_cuda and half and torch.cuda.get_device_capability(query.device) >= (8, 0)


def _flash(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scaling: float | None,
    window: int | None,
    lengths: tuple[int, ...],
) -> torch.Tensor:
    """All sequences in one call: [1, T, heads, d]."""
    from torch.nn.attention.varlen import varlen_attn

    bounds = torch.tensor((0, *accumulate(lengths)), dtype=torch.int32, device=query.device)
    q, k, v = (x[0].transpose(0, 1) for x in (query, key, value))
    before = -1 if window is None else window - 1
    longest = max(lengths)
    gqa = query.shape[1] != key.shape[1]
    output: Any = varlen_attn(q, k, v, bounds, bounds, longest, longest, scale=scaling, window_size=(before, 0), enable_gqa=gqa)
    return output[None]


# no mask function of this name exists, so transformers builds no mask
AttentionInterface.register(PACKED, packed_attention)

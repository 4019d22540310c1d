"""Attention that computes what a sparse step asks for. Importing this module needs torch and transformers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn.functional import pad
from transformers import AttentionInterface

from codeblock.scoring.attention import packed_attention

SPARSE = "codeblock_sparse"
"""Name of the attention implementation, for `set_attn_implementation`."""

KeysAndValues = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Work:
    """What one pass over packed samples computes. It travels to every layer as the keyword `work`.

    Attributes:
        lengths: of the samples, T together.
        rows: [S], positions of the pass whose last hidden states are wanted.
        row_lengths: how many of them lie in each sample.
        live: [L], the positions in T that this pass computes; all when None.
        live_lengths: how many of them lie in each sample.
        pruned: whether this layer computes queries at `rows` alone.
        recorded: where each layer leaves its keys and values, by number of layer; None if they are not wanted.
        context: [1, heads, T, d] keys and values of every layer, without gradient, for the positions that are not live.
    """

    lengths: tuple[int, ...]
    rows: torch.Tensor
    row_lengths: tuple[int, ...]
    live: torch.Tensor | None = None
    live_lengths: tuple[int, ...] | None = None
    pruned: bool = False
    recorded: dict[int, KeysAndValues] | None = None
    context: dict[int, KeysAndValues] = field(default_factory=dict[int, KeysAndValues])


def sparse_attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    work: Work | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Attend as `work` says; the signature is that of transformers' attention functions.

    Args:
        module: the attention layer.
        query: [1, heads, L, d] of the positions of this pass.
        key: [1, key-value heads, L, d].
        value: like `key`.
        attention_mask: must be None.
        work: of this pass.
        options: see `packed_attention`.

    Returns:
        [1, L, heads, d], and no weights. In a pruned layer the first S rows are those at `work.rows`, the others zeros that the
        layer's output projection does not read (see `sparse.py`).

    Raises:
        NotImplementedError: the layer wants something that is not computed here.
    """
    if work is None:
        raise NotImplementedError(f"{type(module).__name__} does not tell its attention what to compute")
    if work.recorded is not None:
        work.recorded[module.layer_idx] = key, value
    positions, lengths = work.live, work.live_lengths
    if positions is not None:
        old_key, old_value = work.context[module.layer_idx]
        key, value = old_key.index_copy(2, positions, key), old_value.index_copy(2, positions, value)
    count = query.shape[2]
    if work.pruned:
        query = query.index_select(2, work.rows)
        positions, lengths = work.rows if positions is None else positions[work.rows], work.row_lengths
    output, _ = packed_attention(
        module,
        query,
        key,
        value,
        attention_mask,
        sequence_lengths=work.lengths,
        query_positions=positions,
        query_lengths=lengths,
        **options,
    )
    return pad(output, (0, 0, 0, 0, 0, count - output.shape[1])), None


# no mask function of this name exists, so transformers builds no mask
AttentionInterface.register(SPARSE, sparse_attention)

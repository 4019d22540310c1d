"""The LM head and the cross-entropy at given positions, without ever holding all their logits.

Importing this module needs torch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

_TILE = 256
"""Positions that go through the LM head at a time: fewer make the matrix product slow, more only take memory."""


def weighted_loss(
    head: torch.nn.Module,
    hidden: torch.Tensor,
    targets: torch.Tensor,
    weights: torch.Tensor,
    factor: float = 1.0,
    cap: float | None = None,
) -> torch.Tensor:
    """Sum of weight * -log p(target) over positions, in float32, differentiable once.

    A plain linear head computes its gradient tile by tile on the way forward, so that no logits are kept and none is computed
    twice. Any other (one with LoRA, a quantized one) is called tile by tile, and again on the way back.

    Args:
        head: from hidden states to logits.
        hidden: [S, width].
        targets: [S] token ids.
        weights: [S] float32, without gradient.
        factor: logits x become ``factor * x``, and then,
        cap: if there is one, ``cap * tanh(x / cap)``.

    Returns:
        A scalar.
    """
    if type(head) is torch.nn.Linear:
        kind = hidden.device.type
        weight, bias = (_whole(p) for p in (head.weight, head.bias))
        if torch.is_autocast_enabled(kind):
            hidden, weight = (x.to(torch.get_autocast_dtype(kind)) for x in (hidden, weight))
        return _Fused.apply(hidden, weight, bias, targets, weights, factor, cap)

    def tile(hidden: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        logits = head(hidden).float() * factor
        logits = logits if cap is None else cap * torch.tanh(logits / cap)
        return cross_entropy(logits, targets, reduction="none") @ weights

    parts = zip(*(x.split(_TILE) for x in (hidden, targets, weights)), strict=True)
    return torch.stack([checkpoint(tile, *part, use_reentrant=False) for part in parts]).sum()


def _whole(parameter: Any) -> Any:
    """A parameter that FSDP2 has spread over processes, gathered."""
    return parameter.full_tensor() if hasattr(parameter, "full_tensor") else parameter


class _Fused(torch.autograd.Function):
    """`weighted_loss` of a linear head. With p = softmax, d loss / d logits = weight * (p - [target])."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        targets: torch.Tensor,
        weights: torch.Tensor,
        factor: float,
        cap: float | None,
    ) -> torch.Tensor:
        wants_hidden, wants_weight, wants_bias = ctx.needs_input_grad[:3]
        to_hidden = torch.empty_like(hidden) if wants_hidden else None
        to_weight = torch.zeros_like(weight) if wants_weight else None
        to_bias = torch.zeros_like(bias) if bias is not None and wants_bias else None
        loss = weights.new_zeros(())
        # the same memory for all tiles: fresh memory for each would cost a CPU a third of the time in page faults
        buffer = hidden.new_empty(min(_TILE, len(hidden)), len(weight))
        for start in range(0, len(hidden), _TILE):
            part = slice(start, start + _TILE)
            h, target, w = hidden[part], targets[part, None], weights[part]
            raw = torch.mm(h, weight.T, out=buffer[: len(h)])
            if bias is not None:
                raw += bias
            logits = raw.float()
            if factor != 1:
                logits *= factor
            slope = None
            if cap is not None:
                logits = logits.div_(cap).tanh_()
                slope = 1 - logits * logits
                logits *= cap
            wanted = logits.gather(1, target)
            total = logits.logsumexp(-1, keepdim=True)
            loss += (total - wanted)[:, 0] @ w
            if not (wants_hidden or wants_weight or wants_bias):
                continue
            gradient = logits.sub_(total).exp_()
            gradient.scatter_add_(1, target, gradient.new_full(target.shape, -1.0))
            gradient *= w[:, None] * factor
            if slope is not None:
                gradient *= slope
            gradient = raw.copy_(gradient)
            if to_hidden is not None:
                torch.mm(gradient, weight, out=to_hidden[part])
            if to_weight is not None:
                to_weight.addmm_(gradient.T, h)
            if to_bias is not None:
                to_bias += gradient.sum(0)
        ctx.gradients = to_hidden, to_weight, to_bias
        return loss

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (scale,) = gradients
        found = tuple(None if g is None else g.mul_(scale.to(g.dtype)) for g in ctx.gradients)
        ctx.gradients = None
        return *found, None, None, None, None

"""A model's training step at the cost of its supervised tokens, with loss and gradients unchanged.

No modelling code is copied: a model's own layers run, over packed samples (`batch.py`), with an attention of ours
(`attention.py`) and, in the last layer, with inputs narrowed to the positions that are wanted. Importing this module needs torch
and transformers.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from transformers.modeling_outputs import CausalLMOutput

from codeblock.config import SavingsSettings
from codeblock.errors import ModelError
from codeblock.export.labels import IGNORED
from codeblock.scoring.scorer import KNOWN_LAYERS, logit_scaling
from codeblock.train.attention import SPARSE, Work
from codeblock.train.batch import SparseCollator
from codeblock.train.head import weighted_loss

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SparseModel:
    """A model that understands the batches of `collator`: ``model(**batch).loss`` is the weighted sum of their losses.

    Attributes:
        model: the causal language model itself, without wrappers.
        collator: for this model, with the savings that it allows.
        reasons: for each saving that was asked for and is not made, why.
    """

    model: Any
    collator: SparseCollator
    reasons: dict[str, str]

    @contextmanager
    def active(self) -> Generator[None]:
        """Exchange the model's attention for the time of training or evaluation; generating needs the model's own."""
        own = self.model.config._attn_implementation
        if self.collator.packed:
            self.model.set_attn_implementation(SPARSE)
        try:
            yield
        finally:
            self.model.set_attn_implementation(own)


def sparsify(model: Any, savings: SavingsSettings, pad_token: int = 0) -> SparseModel:
    """Teach a model's `forward` the batches of `SparseCollator`; with other arguments it does what it always did.

    What the architecture allows is found by a probe: the loss of two short samples must be that of the model's own forward pass.
    A saving that the model does not allow is left out, with a warning.

    Args:
        model: causal language model of transformers, or one of PEFT around it; not yet wrapped for several processes.
        savings: what to leave out.
        pad_token: id of the token that pads.

    Returns:
        The model and its collator.

    Raises:
        ModelError: the model's own loss is not a number; not even the LM head at supervised positions reproduces it; or the
            approximation that is asked for is not possible.
    """
    causal = model.get_base_model() if hasattr(model, "peft_config") else model
    layer = _last_layer(causal)
    for module in (causal, layer):
        if module is not None:
            _restore(module)
    layer = layer if savings.prune else None
    causal.forward = _sparse_forward(causal)
    reasons: dict[str, str] = {}
    for packed, prune in ((True, True), (True, False), (False, False)):
        if prune:
            if layer is None:
                reasons["prune"] = "its last layer is not built of a norm, attention with an output projection, and an MLP"
                continue
            _let_prune(layer)
        exact = savings.model_copy(update={"prune": prune, "live_window": None})
        made = SparseModel(causal, SparseCollator(exact if packed else _head_only(exact), packed, pad_token), reasons)
        fault = _probe(made)
        if fault is None:
            break
        if prune:
            _restore(layer)
        reasons |= {"prune": fault} if prune else {"truncate": fault, "pack": fault}
    else:
        raise ModelError(f"{type(causal).__name__} cannot be trained sparsely: {reasons['pack']}")
    for saving, reason in list(reasons.items()):
        if not getattr(savings, saving):
            del reasons[saving]
        else:
            _log.warning("%s is trained without saving %r: %s", type(causal).__name__, saving, reason)
    if savings.live_window is not None:
        if not made.collator.packed:
            raise ModelError(f"{type(causal).__name__} cannot be trained with a live window: {reasons['pack']}")
        collator = replace(made.collator, savings=made.collator.savings.model_copy(update={"live_window": savings.live_window}))
        made = replace(made, collator=collator)
    return made


def _head_only(savings: SavingsSettings) -> SavingsSettings:
    """What is exact for every causal language model, and for others too."""
    return savings.model_copy(update={"truncate": False, "pack": False})


def _sparse_forward(causal: Any) -> Callable[..., Any]:
    """The forward pass of a causal language model that also takes the batches of `SparseCollator`."""
    own = causal.forward
    factor, cap = logit_scaling(causal.config.get_text_config())

    @functools.wraps(own)
    def forward(*args: Any, rows: torch.Tensor | None = None, **inputs: Any) -> Any:
        if rows is None:
            return own(*args, **inputs)
        if "sequence_lengths" in inputs:
            hidden = _packed_states(causal.get_decoder(), rows, inputs)
        else:
            ids, mask = inputs["input_ids"], inputs["attention_mask"]
            states = causal.get_decoder()(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
            hidden = states.flatten(0, 1)[rows]
        head = causal.get_output_embeddings()
        return CausalLMOutput(loss=weighted_loss(head, hidden, inputs["targets"], inputs["weights"], factor, cap))

    forward.codeblock_own = own  # pyright: ignore[reportAttributeAccessIssue]
    return forward


def _packed_states(decoder: Any, rows: torch.Tensor, batch: dict[str, Any]) -> torch.Tensor:
    """Last hidden states at `rows`: [S, width]."""
    ids, positions = batch["input_ids"], batch["position_ids"]
    work = Work(batch["sequence_lengths"], rows, batch["row_lengths"])
    live = batch.get("live")
    if live is not None:
        # once over everything without gradient, for keys and values; then over the live positions
        first = rows.new_zeros(1)
        recorded: dict[int, Any] = {}
        with torch.no_grad():
            nobody = (1, *(0 for _ in work.lengths[1:]))
            _decode(decoder, ids, positions, replace(work, rows=first, row_lengths=nobody, recorded=recorded))
        ids, positions = ids[:, live], positions[:, live]
        work = replace(work, live=live, live_lengths=batch["live_lengths"], context=recorded)
    hidden = _decode(decoder, ids, positions, work)[0]
    return hidden if len(hidden) == len(rows) else hidden[rows]  # a pruned last layer has chosen them already


def _decode(decoder: Any, ids: torch.Tensor, positions: torch.Tensor, work: Work) -> torch.Tensor:
    return decoder(input_ids=ids, position_ids=positions, use_cache=False, work=work).last_hidden_state


def _last_layer(causal: Any) -> Any | None:
    """The last decoder layer, if it is built in a way that `_let_prune` understands."""
    layers = getattr(causal.get_decoder(), "layers", None)
    layer = layers[-1] if isinstance(layers, torch.nn.ModuleList) and len(layers) else None
    attention = getattr(layer, "self_attn", None)
    fits = attention is not None and hasattr(attention, "o_proj") and hasattr(layer, "input_layernorm") and hasattr(layer, "mlp")
    return layer if fits else None


def _let_prune(layer: Any) -> None:
    """Let a decoder layer compute keys and values everywhere, and all else at the rows that its `work` wants.

    The layer is called with the hidden states at those rows, so that residuals, norms and MLP see them alone. Its first norm
    is given all hidden states instead, so attention sees all; the query projection is narrowed to the rows, and so is the input
    of the output projection.
    """
    own = layer.forward
    attention = layer.self_attn

    @functools.wraps(own)
    def forward(hidden_states: torch.Tensor, *args: Any, work: Work | None = None, **options: Any) -> Any:
        if work is None:
            return own(hidden_states, *args, **options)
        rows, shape = work.rows, hidden_states.shape

        def spread(queries: torch.Tensor) -> torch.Tensor:
            return queries.new_zeros(*shape[:2], queries.shape[-1]).index_copy(1, rows, queries)

        # the last layer is the first on the way back, so recomputing it would save no memory
        layer.gradient_checkpointing = False
        with ExitStack() as hooks:
            hooks.enter_context(_input(layer.input_layernorm, lambda _: hidden_states))
            hooks.enter_context(_input(attention.o_proj, lambda x: x[:, : len(rows)]))
            if hasattr(attention, "q_proj"):
                hooks.enter_context(_input(attention.q_proj, lambda x: x[:, rows]))
                hooks.enter_context(_output(attention.q_proj, spread))
            return own(hidden_states[:, rows], *args, work=replace(work, pruned=True), **options)

    forward.codeblock_own = own  # pyright: ignore[reportAttributeAccessIssue]
    layer.forward = forward


def _restore(module: Any) -> None:
    """Undo an earlier change of a module's forward pass, and whatever was wrapped around it since."""
    own = getattr(module.forward, "codeblock_own", None)
    if own is not None:
        module.forward = own


@contextmanager
def _input(module: torch.nn.Module, change: Callable[[torch.Tensor], torch.Tensor]) -> Generator[None]:
    """Change what a module is given."""

    def hook(_: Any, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return change(inputs[0]), *inputs[1:]

    handle = module.register_forward_pre_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _output(module: torch.nn.Module, change: Callable[[torch.Tensor], torch.Tensor]) -> Generator[None]:
    """Change what a module gives."""

    def hook(_: Any, __: Any, output: torch.Tensor) -> torch.Tensor:
        return change(output)

    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@torch.no_grad()
def _probe(made: SparseModel) -> str | None:
    """Why the sparse loss of two short samples is not that of the model itself; None if it is."""
    causal, collator = made.model, made.collator
    config = causal.config.get_text_config()
    if getattr(config, "output_router_logits", False):
        return "its loss has a part for the routing of experts (output_router_logits)"
    if collator.packed and not set(getattr(config, "layer_types", None) or ()) <= KNOWN_LAYERS:
        return "it has layers other than causal attention"
    embedding = causal.get_input_embeddings()
    random = torch.Generator().manual_seed(0)
    ids = [torch.randint(0, embedding.weight.shape[0], (length,), generator=random) for length in (17, 11)]
    labels = [one.where(torch.arange(len(one)) % 5 == 3, IGNORED) for one in ids]
    device = embedding.weight.device
    batch = collator([{"input_ids": one, "labels": label} for one, label in zip(ids, labels, strict=True)])
    training = [module for module in causal.modules() if module.training]
    causal.eval()
    try:
        wanted = torch.zeros((), device=device)
        for one, label in zip(ids, labels, strict=True):
            logits = causal(input_ids=one[None].to(device), use_cache=False).logits[0, :-1].float()
            wanted += cross_entropy(logits, label[1:].to(device), reduction="sum", ignore_index=IGNORED)
        with made.active():
            found = causal(**{name: x.to(device) if isinstance(x, torch.Tensor) else x for name, x in batch.items()}).loss
    except (NotImplementedError, ValueError, TypeError, RuntimeError, LookupError, AttributeError) as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    finally:
        for module in training:
            module.training = True
    if not torch.isfinite(wanted):
        raise ModelError(f"the loss of {type(causal).__name__} is {wanted:g} before any training: its weights are damaged")
    tolerance = 1e-4 if causal.dtype == torch.float32 else 0.05
    if not torch.isclose(found, wanted, rtol=tolerance):
        return f"its loss of a probe would be {found:.6g} in place of {wanted:.6g}"
    return None

"""Token scores from one forward pass of a frozen model (METHOD D).

The body runs over samples packed into one row, so that no padding is computed, and the LM head only over the positions that
predict a response token, in tiles. Importing this module needs torch and transformers.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
import transformers
from torch.nn.functional import cross_entropy, pad

from codeblock.errors import ModelError
from codeblock.scoring.attention import PACKED
from codeblock.scoring.rendering import response_tokens
from codeblock.types import Int32, RenderedSample, TokenScores

_TILE = 256
"""Positions that go through the LM head at a time: fewer make the matrix product slow, more only take memory."""

_STEP = 64
"""Packed lengths are rounded up to a multiple of this: oneDNN compiles a kernel for every new shape, and keeps it."""

KNOWN_LAYERS = {"full_attention", "sliding_attention"}
"""Types of layers that samples can be packed for."""

_log = logging.getLogger(__name__)


class Scorer:
    """Scores the response tokens of rendered samples.

    Where the architecture allows it, samples are packed (and the model's attention implementation is exchanged for good); else
    they are batched by length with padding on the right, which causal models never look at. A probe run by the constructor
    decides, and compares both the body and the head with the model's own logits.

    Attributes:
        packed: whether samples are packed.

    Args:
        model: causal language model of transformers, in evaluation mode.
        batch_tokens: tokens per forward pass; a longer sample is a batch of its own.

    Raises:
        ModelError: the model's logits cannot be reproduced from its hidden states.
    """

    def __init__(self, model: Any, batch_tokens: int = 2048) -> None:
        self._model = model
        self._decoder: Any = model.get_decoder()
        self._head = _Head(model)
        self._batch_tokens = batch_tokens
        self._device: torch.device = model.device
        self.packed = False
        self._choose_layout()

    def score(self, rendered: Sequence[RenderedSample]) -> list[TokenScores]:
        """Return the scores of each sample, in order.

        How samples are batched depends on the lengths of these samples alone. In float32, scores in other company differ by
        rounding only.
        """
        masks = [response_tokens(r) for r in rendered]
        positions = [np.flatnonzero(mask).astype(np.int32) for mask, _ in masks]
        nll = self._nll([r.input_ids for r in rendered], positions)
        return [
            _token_scores(r, position, response[position], scores)
            for r, position, (_, response), scores in zip(rendered, positions, masks, nll, strict=True)
        ]

    @torch.inference_mode()
    def _nll(self, ids: Sequence[Int32], positions: Sequence[Int32]) -> list[torch.Tensor]:
        """-log p of the tokens at `positions` of each sequence: float32, on the CPU."""
        # nothing after the token that predicts the last wanted one is needed
        lengths = [int(p[-1]) if len(p) else 0 for p in positions]
        result = [torch.empty(0)] * len(ids)
        for batch in self._batches(lengths):
            hidden = self._hidden([ids[n][: lengths[n]] for n in batch], [positions[n] - 1 for n in batch])
            targets = torch.from_numpy(np.concatenate([ids[n][positions[n]] for n in batch]))
            nll = self._head_nll(hidden, targets.long().to(self._device)).cpu()
            for n, scores in zip(batch, nll.split([len(positions[n]) for n in batch]), strict=True):
                result[n] = scores
        return result

    def _batches(self, lengths: Sequence[int]) -> Iterator[list[int]]:
        """Groups of sequences, long ones first, so that padding is small and a lack of memory shows at once."""
        batch: list[int] = []
        tokens = 0
        for n in sorted((n for n, length in enumerate(lengths) if length), key=lambda n: (-lengths[n], n)):
            cost = lengths[n] if self.packed or not batch else lengths[batch[0]]
            if batch and tokens + cost > self._batch_tokens:
                yield batch
                batch, tokens, cost = [], 0, lengths[n]
            batch.append(n)
            tokens += cost
        if batch:
            yield batch

    def _hidden(self, ids: Sequence[Int32], rows: Sequence[Int32]) -> torch.Tensor:
        """Last hidden states at `rows` of each sequence, concatenated: [sum of rows, width]."""
        lengths = [len(i) for i in ids]
        if self.packed:
            if filler := -sum(lengths) % _STEP:  # one more sequence, which no other sees
                ids, lengths = [*ids, np.zeros(filler, np.int32)], [*lengths, filler]
            inputs = np.concatenate(ids)[None]
            places = np.concatenate([np.arange(length) for length in lengths])[None]
            starts = np.cumsum((0, *lengths[:-1]))[: len(rows)]
            options: dict[str, Any] = {"position_ids": self._to_device(places), "sequence_lengths": tuple(lengths)}
        else:
            inputs = np.zeros((len(ids), max(lengths)), np.int64)
            for row, sequence in zip(inputs, ids, strict=True):
                row[: len(sequence)] = sequence
            starts = np.arange(len(ids)) * max(lengths)
            options = {}
        output = self._decoder(input_ids=self._to_device(inputs), use_cache=False, **options)
        wanted = np.concatenate([start + row for start, row in zip(starts, rows, strict=True)])
        return output.last_hidden_state.flatten(0, 1)[self._to_device(wanted)]

    def _head_nll(self, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """-log p of each target given its hidden state, in float32."""
        count = len(hidden)
        filler = -count % _STEP
        hidden, targets = pad(hidden, (0, 0, 0, filler)), pad(targets, (0, filler))
        # all tiles in one buffer: fresh memory for each would cost a CPU a third of the head's time in page faults
        buffer = hidden.new_empty(min(_TILE, len(hidden)), self._head.vocabulary)
        parts = zip(hidden.split(_TILE), targets.split(_TILE), strict=True)
        return torch.cat([_nll_in_place(self._head(h, buffer[: len(h)]).float(), t) for h, t in parts])[:count]

    def _to_device(self, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values.astype(np.int64)).to(self._device)

    @torch.inference_mode()
    def _choose_layout(self) -> None:
        """Compare the ways to score a probe with the model's own logits, and take the first that agrees."""
        vocabulary = self._model.get_input_embeddings().weight.shape[0]
        probe = [np.random.default_rng(n).integers(0, vocabulary, length).astype(np.int32) for n, length in enumerate((17, 11))]
        wanted = torch.cat([self._own_nll(ids) for ids in probe])
        config = self._model.config.get_text_config()
        if set(getattr(config, "layer_types", None) or ()) <= KNOWN_LAYERS:
            own = self._model.config._attn_implementation
            try:
                self._model.set_attn_implementation(PACKED)
                self.packed = True
                if _agree(self._probe(probe), wanted, self._model.dtype):
                    return
            except (NotImplementedError, ValueError, TypeError) as error:
                _log.debug("packing was refused: %s", error)
            self._model.set_attn_implementation(own)
            self.packed = False
        _log.warning("%s does not allow packed samples; they are padded, which is slower", type(self._model).__name__)
        found = self._probe(probe)
        if not _agree(found, wanted, self._model.dtype):
            raise ModelError(
                f"the logits of {type(self._model).__name__} are not its LM head of its last hidden states (they differ by up to "
                f"{(found - wanted).abs().max():.2g} nats), so it cannot be scored with transformers {transformers.__version__}"
            )

    def _probe(self, probe: Sequence[Int32]) -> torch.Tensor:
        return torch.cat(self._nll(probe, [np.arange(1, len(ids), dtype=np.int32) for ids in probe]))

    def _own_nll(self, ids: Int32) -> torch.Tensor:
        """-log p of all tokens but the first, from the logits of the model itself."""
        inputs = self._to_device(ids[None])
        logits = self._model(input_ids=inputs, use_cache=False).logits[0, :-1].float()
        return cross_entropy(logits, inputs[0, 1:], reduction="none").cpu()


class _Head:
    """From hidden states to logits: the LM head, then the scaling and capping of the model's family."""

    def __init__(self, model: Any) -> None:
        linear = model.get_output_embeddings()
        if not isinstance(linear, torch.nn.Linear):
            raise ModelError(f"{type(model).__name__} has no linear LM head, so it cannot score tokens")
        config = model.config.get_text_config()
        self.vocabulary = linear.out_features
        self._weight: torch.Tensor = linear.weight
        self._bias: torch.Tensor | None = linear.bias
        self._factor, self._cap = logit_scaling(config)

    def __call__(self, hidden: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        """Write the logits of hidden states [n, width] into `out` [n, vocabulary], and return it."""
        torch.mm(hidden, self._weight.T, out=out)
        if self._bias is not None:
            out += self._bias
        if self._factor != 1:
            out *= self._factor
        return out if self._cap is None else out.div_(self._cap).tanh_().mul_(self._cap)


def logit_scaling(config: Any) -> tuple[float, float | None]:
    """What a model's family does to its logits x: ``cap * tanh(factor * x / cap)``, or ``factor * x`` where the cap is None.

    Args:
        config: of the text model.
    """
    factor = (getattr(config, "logit_scale", None) or 1.0) / (getattr(config, "logits_scaling", None) or 1.0)
    return factor, getattr(config, "final_logit_softcapping", None)


def _nll_in_place(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """-log softmax of the targets [n], given logits [n, vocabulary], which are overwritten."""
    wanted = logits.gather(1, targets[:, None])[:, 0]
    largest = logits.amax(-1)
    total = logits.sub_(largest[:, None]).exp_().sum(-1)
    return total.log_().add_(largest).sub_(wanted)


def _agree(found: torch.Tensor, wanted: torch.Tensor, dtype: torch.dtype) -> bool:
    """True where scores differ by rounding only, which in bfloat16 reaches tenths on single tokens but not on average."""
    difference = (found - wanted).abs()
    return bool(difference.max() < 1e-4 * (1 + wanted.max())) if dtype == torch.float32 else bool(difference.mean() < 0.1)


def _token_scores(rendered: RenderedSample, position: Int32, response: Int32, nll: torch.Tensor) -> TokenScores:
    """Scores with positions in bytes of the original responses."""
    begin = np.array([s.start - lost for s, lost in zip(rendered.responses, rendered.stripped, strict=True)], np.int32)
    finish = np.array([s.end for s in rendered.responses], np.int32)
    return TokenScores(
        position=position,
        response=response,
        start=rendered.token_starts[position] - begin[response],
        end=np.minimum(rendered.token_starts[position + 1], finish[response]) - begin[response],
        nll=nll.numpy(),
    )

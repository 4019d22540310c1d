"""Batched decoding with a key-value cache: rows leave the batch as they end, and each row draws from its own random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from codeblock.scoring.models import require

_TAIL = 24  # tokens in which a stop string is looked for after every step


@dataclass(frozen=True, slots=True)
class Decoding:
    """How tokens are chosen.

    Attributes:
        max_new_tokens: per row.
        temperature: 0 for the most probable token each time.
        top_p: sample from the smallest set of tokens with at least this probability.
        seed: with a row's own number it fixes its random numbers, whatever else is in the batch.
    """

    max_new_tokens: int = 768
    temperature: float = 0.0
    top_p: float = 0.95
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One prompt.

    Attributes:
        ids: its tokens.
        stop: strings that end the answer; they are part of what comes back.
        number: distinguishes the random numbers of rows, below 2^31.
    """

    ids: list[int]
    stop: tuple[str, ...]
    number: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model wrote.

    Attributes:
        text: without special tokens.
        tokens: how many were decoded.
        ended: ``stop`` at a stop string, ``end`` at the model's own end of text, ``length`` at the limit.
    """

    text: str
    tokens: int
    ended: str


def decode(model: Any, tokenizer: Any, rows: Sequence[Row], decoding: Decoding) -> list[Answer]:
    """Decode one batch.

    Args:
        model: a causal language model of transformers in evaluation mode.
        tokenizer: of the model.
        rows: of the batch, of similar lengths at best: shorter ones are padded on the left.
        decoding: how.
    """
    torch = require("torch", "generating")
    transformers = require("transformers", "generating")
    ends = _end_tokens(model, tokenizer)
    longest = max(len(row.ids) for row in rows)
    padding = next(iter(ends), 0)
    ids = torch.tensor([[padding] * (longest - len(row.ids)) + row.ids for row in rows], device=model.device)
    mask = torch.tensor([[0] * (longest - len(row.ids)) + [1] * len(row.ids) for row in rows], device=model.device)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    generators = [torch.Generator().manual_seed(decoding.seed * 2**31 + row.number) for row in rows]
    cache = transformers.DynamicCache(config=model.config)
    written: list[list[int]] = [[] for _ in rows]
    answers: dict[int, Answer] = {}
    going = list(range(len(rows)))
    with torch.inference_mode():
        while True:
            seen = model(
                ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True, logits_to_keep=1
            )
            logits = seen.logits[:, -1].float().cpu()
            chosen = _choose(torch, logits, decoding, [generators[n] for n in going])
            keep: list[int] = []
            for place, (n, token) in enumerate(zip(going, chosen, strict=True)):
                written[n].append(token)
                ended = _ended(tokenizer, written[n], rows[n].stop, ends, decoding.max_new_tokens)
                if ended is None:
                    keep.append(place)
                else:
                    text = tokenizer.decode(written[n], skip_special_tokens=True)
                    answers[n] = Answer(text, len(written[n]), ended)
            if not keep:
                return [answers[n] for n in range(len(rows))]
            if len(keep) < len(going):
                index = torch.tensor(keep, device=model.device)
                cache.batch_select_indices(index)
                mask, positions = mask[index], positions[index]
                chosen = [chosen[place] for place in keep]
                going = [going[place] for place in keep]
            ids = torch.tensor(chosen, device=model.device)[:, None]
            mask = torch.cat([mask, mask.new_ones(len(going), 1)], dim=1)
            positions = positions[:, -1:] + 1


def _end_tokens(model: Any, tokenizer: Any) -> set[int]:
    """The tokens at which a model says that it is done."""
    found = [tokenizer.eos_token_id, getattr(model.generation_config, "eos_token_id", None)]
    return {number for value in found for number in (value if isinstance(value, list) else [value]) if number is not None}


def _choose(torch: Any, logits: Any, decoding: Decoding, generators: Sequence[Any]) -> list[int]:
    """One token per row of logits [rows, vocabulary], which lie on the CPU: random numbers are the same there everywhere."""
    if decoding.temperature == 0:
        return logits.argmax(-1).tolist()
    probabilities = torch.softmax(logits / decoding.temperature, dim=-1)
    ordered, order = probabilities.sort(dim=-1, descending=True)
    ordered[ordered.cumsum(-1) - ordered >= decoding.top_p] = 0
    places = [int(torch.multinomial(row, 1, generator=g)) for row, g in zip(ordered, generators, strict=True)]
    return [int(order[n, place]) for n, place in enumerate(places)]


def _ended(tokenizer: Any, written: list[int], stop: tuple[str, ...], ends: set[int], limit: int) -> str | None:
    if written[-1] in ends:
        return "end"
    tail = tokenizer.decode(written[-_TAIL:], skip_special_tokens=True)
    if any(s in tail for s in stop):
        return "stop"
    return "length" if len(written) >= limit else None

"""Samples to a batch that holds only what its supervised tokens need.

A supervised token at position t is predicted by the hidden state at t - 1, which in a causal model nothing later reaches. So a
sample ends with the token before its last supervised one, and samples lie one after another in one row without padding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from codeblock.config import SavingsSettings
from codeblock.export.labels import IGNORED
from codeblock.types import Int64

_STEP = 64
"""Lengths of packed rows are multiples of this: oneDNN compiles its kernels for every new shape."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is computed of one sample.

    Attributes:
        ids: [T] its tokens.
        rows: [S] positions in `ids` whose hidden states go through the LM head.
        targets: [S] the tokens that they predict.
        weights: [S] of the losses; 0 where the token is not supervised.
    """

    ids: Int64
    rows: Int64
    targets: Int64
    weights: np.ndarray


@dataclass(frozen=True, slots=True)
class SparseCollator:
    """Makes batches from rows with `input_ids`, `labels` and, if they are to be weighted, `weights`.

    A batch has
        input_ids: [1, T], the samples one after another.
        position_ids: [1, T], from 0 in each sample.
        sequence_lengths: of the samples, T together.
        rows: [S], positions in T whose hidden states go through the LM head.
        row_lengths: how many of them lie in each sample.
        targets: [S], the tokens that they predict.
        weights: [S], float32, of their losses.
        live: [L], positions in T that keep their gradient, with `live_lengths`; only with a live window.
        tokens: [2], how many are supervised, and how many are computed.

    Attributes:
        savings: what is left out.
        packed: False for models that cannot attend to packed samples: `input_ids` is then [samples, longest], padded on the right
            with an `attention_mask`, `rows` count in it row by row, and there are no lengths or positions.
        pad_token: id of the token that pads.
    """

    savings: SavingsSettings
    packed: bool = True
    pad_token: int = 0

    def __call__(self, features: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the batch of these rows.

        Raises:
            ValueError: a row has no supervised token.
        """
        samples = [_keep(feature, self.savings) for feature in features]
        longest = max(len(s.ids) for s in samples)
        lengths = [len(s.ids) for s in samples]
        if not (self.packed and self.savings.pack):
            lengths = [longest] * len(samples)
        starts = np.cumsum([0, *lengths])
        total = int(starts[-1])
        row_lengths = [len(s.rows) for s in samples]
        if self.packed and self.savings.pack and (filler := -total % _STEP):
            lengths, row_lengths, total = [*lengths, filler], [*row_lengths, 0], total + filler
        ids = np.full(total, self.pad_token, np.int64)
        for start, sample in zip(starts, samples, strict=False):
            ids[start : start + len(sample.ids)] = sample.ids
        rows = [start + sample.rows for start, sample in zip(starts, samples, strict=False)]
        supervised = sum(int(np.count_nonzero(s.weights)) for s in samples)
        batch: dict[str, Any] = {
            "rows": _join(rows),
            "targets": _join(s.targets for s in samples),
            "weights": _join(s.weights for s in samples).float(),
            "tokens": torch.tensor([supervised, sum(len(s.ids) for s in samples)]),
        }
        if not self.packed:
            mask = np.arange(longest) < np.array([len(s.ids) for s in samples])[:, None]
            return batch | {
                "input_ids": torch.from_numpy(ids.reshape(len(samples), longest)),
                "attention_mask": torch.from_numpy(mask.astype(np.int64)),
            }
        batch |= {
            "input_ids": torch.from_numpy(ids)[None],
            "position_ids": _join(np.arange(length) for length in lengths)[None],
            "sequence_lengths": tuple(lengths),
            "row_lengths": tuple(row_lengths),
        }
        if self.savings.live_window is not None:
            live = [_window(s.rows[s.weights != 0], self.savings.live_window) for s in samples]
            places = np.concatenate([start + one for start, one in zip(starts, live, strict=False)])
            batch |= {
                "live": torch.from_numpy(places),
                "live_lengths": tuple([len(one) for one in live] + [0] * (len(lengths) - len(live))),
                # what is not live is not computed with a gradient, and the head sees live positions alone
                "rows": torch.from_numpy(np.searchsorted(places, np.concatenate(rows))),
            }
        return batch


def _keep(feature: Mapping[str, Any], savings: SavingsSettings) -> _Kept:
    """The part of one sample that is computed."""
    ids, labels = np.asarray(feature["input_ids"], np.int64), np.asarray(feature["labels"], np.int64)
    weights = np.ones(len(ids)) if feature.get("weights") is None else np.asarray(feature["weights"], np.float64)
    weights = np.where(labels != IGNORED, weights, 0.0)
    weights[:1] = 0
    supervised = np.flatnonzero(weights)
    if not len(supervised):
        raise ValueError("a row without any supervised token reached the trainer: drop it from the dataset")
    end = int(supervised[-1]) if savings.truncate else len(ids) - 1
    predicted = supervised if savings.head else np.arange(1, end + 1)
    # the last token of a sample predicts nothing, but a batch that leaves nothing out has it
    return _Kept(ids[: end if savings.truncate else len(ids)], predicted - 1, ids[predicted], weights[predicted])


def _window(rows: Int64, before: int) -> Int64:
    """The positions of `rows` and of up to `before` positions before each of them, ascending."""
    return np.unique(np.maximum(rows[:, None] - np.arange(before + 1), 0))


def _join(parts: Iterable[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.concatenate(list(parts)))

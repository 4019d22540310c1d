"""The stage that scores the response tokens of every sample."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from codeblock.config import ScoreSettings
from codeblock.errors import ModelError
from codeblock.schemas import SCORES, row_to_sample
from codeblock.scoring.models import (
    ModelInfo,
    find_model,
    fingerprint_files,
    load_model,
    load_tokenizer,
    require,
    resolve_device,
    resolve_dtype,
)
from codeblock.scoring.rendering import RejectedSample, Renderer, response_tokens
from codeblock.types import RenderedSample, Sample, TokenScores

if TYPE_CHECKING:
    from codeblock.scoring.scorer import Scorer

_VERSION = 1  # raise when the same model gives the same samples other scores

_COLUMNS = ["id", "reason", "messages", "source", "row", "extra"]

_log = logging.getLogger(__name__)


class ScoreStage:
    """Samples to token scores.

    Rows are dropped for the reasons of `Renderer.render`, and as ``longer_than_context``, ``no_response_tokens`` or
    ``scores_not_finite`` (the model gave NaN or an impossible token).

    Attributes:
        info: the model; None before `setup`.
        renderer: its chat template and tokenizer; None before `facts` or `setup`.

    Args:
        settings: which model, and how it runs.
    """

    name = "scores"
    schema = SCORES

    def __init__(self, settings: ScoreSettings) -> None:
        self._settings = settings
        self._scorer: Scorer | None = None
        self.info: ModelInfo | None = None
        self.renderer: Renderer | None = None

    def fingerprint(self) -> Mapping[str, Any]:
        """Return what the scores depend on: hash of the model's files, resolved settings, versions. Loads no weights.

        Raises:
            ModelError: the model is not found, or its device cannot be used.
            MissingExtraError: torch is not installed.
        """
        device = resolve_device(self._settings.device)
        require("transformers", "scoring a model")
        return {
            "version": _VERSION,
            "model": fingerprint_files(find_model(self._settings.model)),
            "dtype": resolve_dtype(self._settings.dtype, device),
            "device": device.split(":")[0],
            "max_length": self._settings.max_length,
            "batch_tokens": self._settings.batch_tokens,
            "versions": {library: metadata.version(library) for library in ("tokenizers", "torch", "transformers")},
        }

    def setup(self) -> None:
        """Load the model.

        Raises:
            ModelError: the model is not found or cannot be used.
            AlignmentError: the bytes of its tokens cannot be told.
            MissingExtraError: a library of the extra ``score`` is not installed.
        """
        files = find_model(self._settings.model)
        require("torch", "scoring a model")
        renderer = self._load_renderer()
        model, info = load_model(files, self._settings.dtype, self._settings.device)
        if renderer.vocabulary > (rows := model.get_input_embeddings().weight.shape[0]):
            raise ModelError(f"the tokenizer of {files.name!r} has {renderer.vocabulary} tokens, its model only {rows}")
        from codeblock.scoring.scorer import Scorer

        self._scorer = Scorer(model, self._settings.batch_tokens)
        self.info = info
        _log.info("scoring with %s (%s) in %s on %s", info.name, info.architecture, info.dtype, info.device)

    def facts(self) -> dict[str, Any]:
        """Return what a trainer must share with the scores: the hashes of tokenizer and chat template, and whether there is one.

        Loads no weights.

        Raises:
            ModelError: the model is not found.
            AlignmentError: the bytes of its tokens cannot be told.
            MissingExtraError: a library of the extra ``score`` is not installed.
        """
        renderer = self._load_renderer()
        return {"chat": renderer.is_chat, **renderer.fingerprint()}

    def _load_renderer(self) -> Renderer:
        self.renderer = self.renderer or Renderer(load_tokenizer(find_model(self._settings.model)))
        return self.renderer

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Score a table with the columns of `SAMPLES`; samples are batched with others of this table only."""
        if self._scorer is None:
            raise RuntimeError("ScoreStage.setup was not called")
        rows: list[dict[str, Any]] = batch.select(_COLUMNS).to_pylist()
        kept: list[tuple[int, RenderedSample]] = []
        for n, row in enumerate(rows):
            if row["reason"] is None:
                rendered = self._render(row_to_sample(row))
                if isinstance(rendered, str):
                    row["reason"] = rendered
                else:
                    kept.append((n, rendered))
        results: list[dict[str, Any]] = [{"id": row["id"], "reason": row["reason"]} for row in rows]
        for (n, rendered), scores in zip(kept, self._scorer.score([r for _, r in kept]), strict=True):
            results[n] |= _columns(rendered, scores) if np.isfinite(scores.nll).all() else {"reason": "scores_not_finite"}
        return pa.table({f.name: pa.array([r.get(f.name) for r in results], f.type) for f in SCORES}, schema=SCORES)

    def _render(self, sample: Sample) -> RenderedSample | str:
        """The sample as the model sees it, or the reason why it cannot be scored."""
        assert self.renderer is not None and self.info is not None
        try:
            rendered = self.renderer.render(sample)
        except RejectedSample as error:
            _log.debug("sample %s: %s", sample.id, error)
            return error.reason
        limits = [n for n in (self._settings.max_length, self.info.context_length) if n is not None]
        if limits and len(rendered.input_ids) > min(limits):
            return "longer_than_context"
        mask, _ = response_tokens(rendered)
        return rendered if mask.any() else "no_response_tokens"


def _columns(rendered: RenderedSample, scores: TokenScores) -> dict[str, Any]:
    """The columns of a `SCORES` row besides `id` and `reason`."""
    return {
        "input_ids": rendered.input_ids,
        "end_of_turn": list(rendered.end_of_turn),
        "position": scores.position,
        "response": scores.response,
        "start": scores.start,
        "end": scores.end,
        "nll": scores.nll,
    }

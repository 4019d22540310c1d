"""Texts as vectors, in which similar texts point the same way."""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from codeblock.curate.text import tokens
from codeblock.errors import MissingExtraError, UsageError, nearest
from codeblock.types import Float32

SENTENCE_TRANSFORMERS = "sentence-transformers:"
"""Prefix of the embedders that name a model of that library: its hub id or directory follows."""

FIT_SAMPLES = 20_000
"""Texts that an embedder may learn from at most."""


class Embedder(Protocol):
    """Makes vectors of texts."""

    fits: bool
    """Whether it learns from the pool first (see `setup`)."""

    light: bool
    """Whether several processes may load it at once."""

    def fingerprint(self) -> dict[str, Any]:
        """Return what the vectors depend on besides the texts, as JSON. Loads nothing large."""
        ...

    def setup(self, sample: Callable[[], Sequence[str]]) -> None:
        """Load what is needed; `sample` gives up to `FIT_SAMPLES` texts of the pool, the same ones whatever their order in it."""
        ...

    def embed(self, texts: Sequence[str]) -> Float32:
        """Return [N, D] vectors of length 1, or 0 where a text says nothing. Each depends on its own text alone."""
        ...


class WordLlama:
    """Mean of static token vectors, from the files that the package `wordllama` carries; needs neither torch nor a network.

    The package's own loader looks for its tokenizer in a directory that it does not ship and then in the network, so the two
    files are read here.
    """

    fits = False
    light = True

    def __init__(self) -> None:
        spec = importlib.util.find_spec("wordllama")
        if spec is None or spec.origin is None:
            raise MissingExtraError("wordllama", "curate", "embedding with it (or choose --embedder tfidf)")
        root = Path(spec.origin).parent
        self._weights = root / "weights" / "l2_supercat_256.safetensors"
        self._tokenizer = root / "tokenizers" / "l2_supercat_tokenizer_config.json"

    def fingerprint(self) -> dict[str, Any]:
        """Return the hashes of its two files."""
        return {
            "name": "wordllama",
            "tokenizers": metadata.version("tokenizers"),
            "files": [hashlib.sha256(path.read_bytes()).hexdigest() for path in (self._weights, self._tokenizer)],
        }

    def setup(self, sample: Callable[[], Sequence[str]]) -> None:
        """Load the two files."""
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        self._table = next(iter(load_file(self._weights).values())).astype(np.float32)
        self._encoder = Tokenizer.from_file(str(self._tokenizer))
        self._encoder.no_padding()
        self._encoder.no_truncation()

    def embed(self, texts: Sequence[str]) -> Float32:
        """Average the vectors of all tokens of each text."""
        encoded = self._encoder.encode_batch(list(texts), add_special_tokens=False)
        means = [self._table[one.ids].mean(axis=0) if one.ids else np.zeros(self._table.shape[1], np.float32) for one in encoded]
        return unit_length(np.array(means, dtype=np.float32).reshape(len(means), self._table.shape[1]))


class TfIdf:
    """Weighted counts of words and pairs of words, reduced to their principal directions (latent semantic analysis).

    Words are hashed to buckets, weighted by (1 + log tf) * log(N / df) over the sample, projected at random to `_PROJECTED`
    dimensions, and from there to the `_DIMENSIONS` in which the sample varies most. Needs numpy alone.
    """

    fits = True
    light = False
    _BUCKETS = 1 << 16
    _PROJECTED = 1024
    _DIMENSIONS = 256

    def fingerprint(self) -> dict[str, Any]:
        """Return its sizes."""
        return {"name": "tfidf", "version": 1, "sizes": [self._BUCKETS, self._PROJECTED, self._DIMENSIONS]}

    def setup(self, sample: Callable[[], Sequence[str]]) -> None:
        """Learn the weights and the directions from the sample."""
        counted = [self._count(text) for text in sample()]
        frequency = np.zeros(self._BUCKETS, dtype=np.int64)
        for buckets, _ in counted:
            frequency[buckets] += 1
        self._weight = np.log((1 + len(counted)) / (1 + frequency)).astype(np.float32)
        signs = np.random.default_rng(0).integers(0, 2, (self._BUCKETS, self._PROJECTED), dtype=np.int8)
        self._signs = 2 * signs - 1
        projected = np.array([self._project(*one) for one in counted], dtype=np.float32)
        _, directions = np.linalg.eigh(projected.T @ projected)
        self._directions = np.ascontiguousarray(directions[:, ::-1][:, : self._DIMENSIONS])

    def embed(self, texts: Sequence[str]) -> Float32:
        """Weigh, project and scale the counts of each text."""
        rows = [self._project(*self._count(text)) @ self._directions for text in texts]
        return unit_length(np.array(rows, dtype=np.float32).reshape(len(rows), self._DIMENSIONS))

    def _count(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Buckets of a text's words and pairs, and 1 + log of how often each occurs."""
        words = tokens(text)
        pairs = map(" ".join, itertools.pairwise(words))
        counts = Counter(zlib.crc32(word.encode()) % self._BUCKETS for word in (*words, *pairs))
        buckets = np.array(sorted(counts), dtype=np.int64)
        return buckets, 1 + np.log([counts[b] for b in buckets.tolist()], dtype=np.float32)

    def _project(self, buckets: np.ndarray, frequency: np.ndarray) -> Float32:
        weights = frequency * self._weight[buckets]
        norm = float(np.linalg.norm(weights))
        return (weights / norm if norm else weights) @ self._signs[buckets].astype(np.float32)


class SentenceTransformer:
    """A model of the library `sentence-transformers`.

    Args:
        model: its hub id or directory.
    """

    fits = False
    light = False

    def __init__(self, model: str) -> None:
        if importlib.util.find_spec("sentence_transformers") is None:
            raise MissingExtraError("sentence-transformers", None, f"embedding with {model}")
        self._name = model

    def fingerprint(self) -> dict[str, Any]:
        """Return the model's name and the library's version."""
        versions = {library: metadata.version(library) for library in ("sentence-transformers", "torch", "transformers")}
        return {"name": f"{SENTENCE_TRANSFORMERS}{self._name}", "versions": versions}

    def setup(self, sample: Callable[[], Sequence[str]]) -> None:
        """Load the model."""
        from sentence_transformers import SentenceTransformer as Model  # pyright: ignore[reportMissingImports]

        self._model: Any = Model(self._name)

    def embed(self, texts: Sequence[str]) -> Float32:
        """Run the model."""
        return np.asarray(self._model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False), dtype=np.float32)


EMBEDDERS: dict[str, Callable[[], Embedder]] = {"wordllama": WordLlama, "tfidf": TfIdf}
"""Embedders by name; ``sentence-transformers:MODEL`` runs a model of that library."""


def find_embedder(name: str) -> Embedder:
    """The embedder of that name.

    Raises:
        UsageError: there is none.
        MissingExtraError: its library is not installed.
    """
    if name.startswith(SENTENCE_TRANSFORMERS):
        return SentenceTransformer(name.removeprefix(SENTENCE_TRANSFORMERS))
    if name not in EMBEDDERS:
        known = ", ".join([*EMBEDDERS, f"{SENTENCE_TRANSFORMERS}MODEL"])
        raise UsageError(f"unknown embedder {name!r}{nearest(name, EMBEDDERS)} (known: {known})")
    return EMBEDDERS[name]()


def load_vectors(path: Path, rows: int) -> Float32:
    """Open a file of vectors, one per row, as it is on disk.

    Raises:
        UsageError: it is no NumPy array of so many rows of numbers.
    """
    try:
        vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read embeddings {path}: {error}") from None
    if vectors.ndim != 2 or len(vectors) != rows or vectors.dtype.kind != "f":
        raise UsageError(
            f"embeddings {path} hold {vectors.dtype} of shape {vectors.shape}: floating-point numbers of shape ({rows}, D) are "
            "needed, one vector per readable row in the order of reading"
        )
    return vectors


def unit_length(vectors: Float32) -> Float32:
    """Scale each row to length 1; a row of zeros stays."""
    norms: Float32 = np.linalg.norm(vectors, axis=1, keepdims=True).astype(np.float32)
    norms[norms == 0] = 1
    return vectors / norms

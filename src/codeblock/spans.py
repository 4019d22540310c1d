"""Half-open spans that carry their unit in their type, with the only conversions between units.

Three units occur: **bytes** of UTF-8 (Tree-sitter, artefacts), **characters** of a Python ``str`` (regular expressions) and
**tokens** of a model. They are distinct types so that a type checker refuses to mix them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class ByteSpan(NamedTuple):
    """Bytes ``[start, end)`` of the UTF-8 encoding of one text, usually a response."""

    start: int
    end: int


class CharSpan(NamedTuple):
    """Characters (code points) ``[start, end)`` of one ``str``."""

    start: int
    end: int


class TokenSpan(NamedTuple):
    """Model tokens ``[start, end)`` of one sequence of input ids."""

    start: int
    end: int


class TextIndex:
    """Character <-> byte positions of one text, built once in O(length).

    Args:
        text: any text without lone surrogates (those have no UTF-8 form; reading rejects such rows).
    """

    __slots__ = ("_byte_of_char", "length_bytes")

    def __init__(self, text: str) -> None:
        self.length_bytes = len(text.encode())
        # ASCII text needs no table: both units are the same number
        self._byte_of_char: npt.NDArray[np.int64] | None = None
        if self.length_bytes != len(text):
            codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
            widths = 1 + (codes > 0x7F).astype(np.int64) + (codes > 0x7FF) + (codes > 0xFFFF)
            self._byte_of_char = np.concatenate([np.zeros(1, np.int64), np.cumsum(widths)])

    def to_bytes(self, span: CharSpan) -> ByteSpan:
        """Convert characters to bytes; exact for every character span."""
        if self._byte_of_char is None:
            return ByteSpan(span.start, span.end)
        return ByteSpan(int(self._byte_of_char[span.start]), int(self._byte_of_char[span.end]))

    def to_chars(self, span: ByteSpan) -> CharSpan:
        """Convert bytes to the characters they touch; a span that cuts a character is widened to hold it whole."""
        if self._byte_of_char is None:
            return CharSpan(span.start, span.end)
        start = int(np.searchsorted(self._byte_of_char, span.start, side="right")) - 1
        end = int(np.searchsorted(self._byte_of_char, span.end, side="left"))
        return CharSpan(start, end)

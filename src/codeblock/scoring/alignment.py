"""Where each token lies in the tokenised text, in bytes.

A tokenizer's own offsets count characters: they give zero length to white space under `trim_offsets`, and the tokens of a split
multi-byte character share one offset. So the bytes of every vocabulary entry are worked out once from the tokenizer's scheme, the
bytes of a text's tokens are joined, and they must rebuild the text exactly.

Schemes known: byte-level BPE (GPT-2, Llama 3, Qwen, StarCoder, DeepSeek) and SentencePiece's (Llama 2, Mistral, Gemma), which
writes spaces as U+2581, unknown characters as byte tokens, and may put a space in front of the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

import numpy as np

from codeblock.errors import AlignmentError
from codeblock.types import Int32

_EN_SPACES = "".join(chr(code) for code in range(0x2000, 0x200B))
_SPACE = "\u2581"  # SentencePiece's visible space
# as Unicode defines it, and the `tokenizers` library; Python's `str.isspace` also takes U+001C to U+001F
_WHITE_SPACE = re.compile(
    b"(?:%b)*" % b"|".join(c.encode() for c in "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + _EN_SPACES)
)
_BYTE_TOKEN = re.compile(r"<0x([0-9A-F]{2})>")


class _Prefix(Enum):
    """Where the tokenizer puts a space in front that the text does not have."""

    NEVER = "never"
    START = "start"  # of the text, if it begins with something else
    MISSING = "missing"  # of the text and of each stretch between added tokens, if it begins with something else
    ALWAYS = "always"  # ... even if it begins with a space


class TokenAligner:
    """Byte positions of tokens, for one tokenizer.

    Args:
        tokenizer: of transformers, backed by the `tokenizers` library.

    Raises:
        AlignmentError: the tokenizer's scheme is not known.
    """

    def __init__(self, tokenizer: Any) -> None:
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise AlignmentError(
                f"{type(tokenizer).__name__} is not backed by the `tokenizers` library, so its tokens cannot be traced to bytes; "
                "use a model that comes with a tokenizer.json"
            )
        spec = json.loads(backend.to_str())
        self._sentencepiece = _is_sentencepiece(spec)
        self._prefix = _prefix(spec)
        added = backend.get_added_tokens_decoder()
        vocabulary: Mapping[str, int] = backend.get_vocab(with_added_tokens=True)
        self._bytes = [b""] * (1 + max([*vocabulary.values(), *added], default=-1))
        to_bytes = _sentencepiece_bytes if self._sentencepiece else _byte_level_bytes
        for token, number in vocabulary.items():
            self._bytes[number] = to_bytes(token)
        self._spaced = {number: token for token, number in vocabulary.items() if self._sentencepiece and _SPACE in token}
        self._added: dict[int, tuple[bool, bool]] = {}  # (swallows white space before it, after it)
        for number, token in added.items():
            self._bytes[number] = token.content.encode()
            self._added[number] = (token.lstrip, token.rstrip)
            self._spaced.pop(number, None)
        self._swallowing = {number for number, sides in self._added.items() if any(sides)}
        self._lengths = np.array([len(b) for b in self._bytes], np.int32)

    def starts(self, text: bytes, ids: Sequence[int]) -> Int32:
        """Return where each token begins in `text`, and the length of `text` at the end: int32 [len(ids) + 1].

        A token whose only byte is a space that the tokenizer invented has no bytes of its own.

        Raises:
            AlignmentError: the tokens do not rebuild the text: the tokenizer changes it (Unicode normalisation, unknown
                characters).
        """
        if b"".join([self._bytes[i] for i in ids]) == text and self._swallowing.isdisjoint(ids):
            starts = np.zeros(len(ids) + 1, np.int32)
            np.cumsum(self._lengths[ids], out=starts[1:])
            return starts
        starts = np.fromiter(self._walk(text, ids), np.int32)
        if starts[-1] != len(text):
            raise AlignmentError(f"tokens end at byte {starts[-1]} of {len(text)}; the text goes on {_excerpt(text, starts[-1])}")
        return starts

    def _walk(self, text: bytes, ids: Sequence[int]) -> Iterator[int]:
        """Match token by token, for texts that are not simply the joined tokens."""
        at, stretch, invented = 0, True, False  # a stretch of plain text begins; a space was invented for it
        for number in ids:
            yield at
            if number in self._added:
                before, after = self._added[number]
                at = _skip_space(text, at) if before else at
                at = self._match(text, at, self._bytes[number])
                at = _skip_space(text, at) if after else at
                stretch = True
                continue
            if stretch:
                invented = self._invents_space(text, at)
                stretch = False
            token = self._bytes[number]
            if number in self._spaced:
                at = self._match_spaced(text, at, self._spaced[number], skip=invented)
            else:
                at = self._match(text, at, token[1:] if invented and token[:1] == b" " else token)
            invented = False
        yield at

    def _invents_space(self, text: bytes, at: int) -> bool:
        """True where the tokenizer put a space before the stretch that begins here."""
        if self._prefix is _Prefix.ALWAYS:
            return True
        if self._prefix is _Prefix.NEVER or (self._prefix is _Prefix.START and at > 0):
            return False
        present = (b" ", _SPACE.encode()) if self._sentencepiece else (b" ",)
        return not text.startswith(present, at)

    def _match(self, text: bytes, at: int, token: bytes) -> int:
        if not text.startswith(token, at):
            raise AlignmentError(f"token {token!r} does not stand at byte {at}, where the text goes on {_excerpt(text, at)}")
        return at + len(token)

    def _match_spaced(self, text: bytes, at: int, token: str, skip: bool) -> int:
        """Match a token with visible spaces, each of which stands for a space or, rarely, for itself."""
        for character in token.removeprefix(_SPACE) if skip else token:
            literal = character != _SPACE or text.startswith(_SPACE.encode(), at)
            at = self._match(text, at, character.encode() if literal else b" ")
        return at


def _excerpt(text: bytes, at: int) -> str:
    return repr(text[at : at + 24].decode(errors="replace"))


def _skip_space(text: bytes, at: int) -> int:
    """Where white space that begins here ends."""
    match = _WHITE_SPACE.match(text, at)
    assert match is not None
    return match.end()


def _steps(part: Mapping[str, Any] | None, members: str) -> list[Mapping[str, Any]]:
    """The steps of a normalizer, pre-tokenizer or decoder, sequences unfolded."""
    if part is None:
        return []
    return [s for p in part[members] for s in _steps(p, members)] if part["type"] == "Sequence" else [part]


def _is_sentencepiece(spec: Mapping[str, Any]) -> bool:
    """True for SentencePiece's scheme, False for byte-level BPE.

    Raises:
        AlignmentError: it is neither.
    """
    decoder = _steps(spec.get("decoder"), "decoders")
    kinds = [step["type"] for step in decoder]
    if "ByteLevel" in kinds:
        return False
    spaces = any(step["type"] == "Replace" and step["pattern"].get("String") == _SPACE for step in decoder)
    if "Metaspace" in kinds or spaces:
        return True
    raise AlignmentError(
        f"the tokenizer's decoder is {' + '.join(kinds) or 'absent'}, from which the bytes of its tokens cannot be told; "
        "known are ByteLevel (GPT-2, Llama 3, Qwen) and Metaspace or Replace + ByteFallback (Llama 2, Gemma)"
    )


def _prefix(spec: Mapping[str, Any]) -> _Prefix:
    """The tokenizer's policy about a space in front."""
    for step in _steps(spec.get("normalizer"), "normalizers"):
        if step["type"] == "Prepend" and step["prepend"] in (_SPACE, " "):
            return _Prefix.ALWAYS
    for step in _steps(spec.get("pre_tokenizer"), "pretokenizers"):
        if step["type"] == "ByteLevel" and step["add_prefix_space"]:
            return _Prefix.MISSING
        if step["type"] == "Metaspace":
            return {"always": _Prefix.MISSING, "first": _Prefix.START, "never": _Prefix.NEVER}[step["prepend_scheme"]]
    return _Prefix.NEVER


def _byte_of_character() -> dict[str, int]:
    """GPT-2's table: printable Latin-1 characters stand for themselves, the other bytes for U+0100 onwards."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    return {chr(b): b for b in printable} | {chr(256 + n): b for n, b in enumerate(others)}


_BYTE_OF_CHARACTER = _byte_of_character()


def _byte_level_bytes(token: str) -> bytes:
    try:
        return bytes([_BYTE_OF_CHARACTER[c] for c in token])
    except KeyError:  # an entry that byte-level text never yields
        return token.encode()


def _sentencepiece_bytes(token: str) -> bytes:
    byte = _BYTE_TOKEN.fullmatch(token)
    return bytes([int(byte[1], 16)]) if byte else token.replace(_SPACE, " ").encode()

"""The texts of a sample as curation compares them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

Turns = Sequence[Mapping[str, str]]
"""A conversation as a `SAMPLES` row holds it: mappings with `role` and `content`."""

_TOKEN = re.compile(r"[^\W\d]\w*|\d+|[^\w\s]")


def whole_text(messages: Turns) -> str:
    """The contents of all turns, in order."""
    return "\n".join(m["content"] for m in messages)


def response_texts(messages: Turns) -> list[str]:
    """The contents of the assistant's turns, in order."""
    return [m["content"] for m in messages if m["role"] == "assistant"]


def content_hash(messages: Turns) -> bytes:
    """16 bytes that tell conversations apart: equal for the same roles and texts, whatever their file, id and further fields."""
    digest = hashlib.blake2b(digest_size=16)
    for message in messages:
        for part in (message["role"].encode(), message["content"].encode()):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
    return digest.digest()


def tokens(text: str) -> list[str]:
    """Words, numbers and single marks, in lower case; white space, and with it indentation, is gone."""
    return _TOKEN.findall(text.lower())


def shingles(text: str, length: int = 3) -> set[str]:
    """All runs of so many tokens; the whole text where it has fewer."""
    found = tokens(text)
    return {" ".join(found[i : i + length]) for i in range(max(1, len(found) - length + 1))}

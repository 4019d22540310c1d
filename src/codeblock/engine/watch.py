"""How a run shows its progress."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol


class Watch(Protocol):
    """Shows how far a stage is."""

    def __call__(self, stage: str) -> AbstractContextManager[Callable[[int, int | None], None]]:
        """Enter for the time of one stage; what it gives is called with the rows done so far and their total, None if unknown."""
        ...

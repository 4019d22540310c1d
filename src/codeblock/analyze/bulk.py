"""Many objects of one class at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import cache
from itertools import repeat
from typing import Any, TypeVar

T = TypeVar("T")


def instances(cls: type[T], *columns: Sequence[Any]) -> list[T]:
    """Make instances of a frozen, slotted dataclass, one column per field.

    The same as calling the class for each row, in less than half the time: a frozen dataclass pays one look-up of
    ``object.__setattr__`` per field, and items and edges are most of what an analysis makes.
    """
    made = list(map(object.__new__, repeat(cls, len(columns[0]))))
    for setter, column in zip(_setters(cls), columns, strict=True):
        deque(map(setter, made, column), maxlen=0)
    return made


@cache
def _setters(cls: type[Any]) -> tuple[Callable[[Any, Any], None], ...]:
    """What writes the fields of a slotted dataclass, frozen or not."""
    return tuple(getattr(cls, field.name).__set__ for field in fields(cls))

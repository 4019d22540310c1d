"""Line numbers of one text."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from functools import partial


class Lines:
    """Where the lines of a text begin. They end at LF.

    Args:
        source: the text in UTF-8.

    Attributes:
        starts: first byte of each line.
        of: the line of a byte, from 1.
    """

    __slots__ = ("of", "starts")

    def __init__(self, source: bytes) -> None:
        self.starts: list[int] = [0, *[match.end() for match in re.finditer(b"\n", source)]]
        self.of: Callable[[int], int] = partial(bisect_right, self.starts)

"""The time that one sample's analysis may take."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from codeblock.errors import AnalysisTimeout


class Deadline:
    """A limit on this thread's CPU time, so that a busy machine does not change the result.

    Args:
        seconds: from now.
    """

    __slots__ = ("_at", "_not_before", "_seconds")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._at = time.thread_time() + seconds
        # a thread cannot use more time than passes, and the clock on the wall is ten times cheaper to read
        self._not_before = time.monotonic() + seconds

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Do not count the time of what happens inside; timers that would end the process wait, too."""
        start, used = time.monotonic(), time.thread_time()
        timers = {timer: signal.setitimer(timer, 0) for timer in (signal.ITIMER_PROF, signal.ITIMER_REAL)}
        try:
            yield
        finally:
            for timer, left in timers.items():
                signal.setitimer(timer, *left)
            self._at += time.thread_time() - used
            self._not_before += time.monotonic() - start

    def passed(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() > self._not_before and time.thread_time() > self._at

    def check(self) -> None:
        """Raise `AnalysisTimeout` when the time is over."""
        if time.monotonic() > self._not_before and self.passed():
            raise AnalysisTimeout(f"the analysis did not finish within {self._seconds:g} s")

import signal
import time

import pytest

from codeblock.analyze.deadline import Deadline
from codeblock.errors import AnalysisTimeout


def work(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_work_counts():
    deadline = Deadline(0.05)
    deadline.check()
    work(0.06)
    with pytest.raises(AnalysisTimeout, match=r"the analysis did not finish within 0\.05 s"):
        deadline.check()


def test_what_happens_in_a_pause_does_not():
    deadline = Deadline(0.05)
    with deadline.paused():
        work(0.06)
    deadline.check()
    work(0.06)
    assert deadline.passed()


def test_timers_of_the_process_pause_too():
    signal.setitimer(signal.ITIMER_PROF, 50, 3)
    try:
        with Deadline(1).paused():
            assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)
        left, interval = signal.getitimer(signal.ITIMER_PROF)
        assert 40 < left <= 50.1  # the kernel rounds up
        assert interval == pytest.approx(3, abs=0.1)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)

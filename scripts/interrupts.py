"""What breaks off a command that waits: Ctrl-C, a kill, and its own patience."""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
SHORTEST_SECONDS = 0.001


class OutOfTime(Exception):
    """Raised in the main thread when a time limit is over."""


@contextmanager
def sigterm_interrupts() -> Iterator[None]:
    """A `kill` is a Ctrl-C in the block."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises OutOfTime, whatever the block waits for, after *seconds*; inf is no limit."""
    if seconds == math.inf:
        yield
        return
    before = signal.signal(signal.SIGALRM, _out_of_time)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, SHORTEST_SECONDS))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _out_of_time(_number: int, _frame: FrameType | None) -> None:
    raise OutOfTime

"""Signals as something a loop can wait for."""

from __future__ import annotations

import os
import select
import signal
from contextlib import ExitStack
from types import FrameType
from typing import Self

STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignals:
    """Counts requests to stop, and wakes `wait` for each of them and for the end of a child.

    Works in the main thread, between `with` and its end.
    """

    def __init__(self) -> None:
        self._requests = 0
        self._cleanup = ExitStack()

    @property
    def asked(self) -> bool:
        """Whether a stop was asked for."""
        return self._requests > 0

    @property
    def insisted(self) -> bool:
        """Whether it was asked for more than once."""
        return self._requests > 1

    def wait(self, seconds: float) -> None:
        """Return at the next signal, or after *seconds*; a signal since the last wait counts."""
        select.select([self._wake_read], [], [], max(0.0, seconds))
        try:
            os.read(self._wake_read, 4096)
        except BlockingIOError:
            return

    def __enter__(self) -> Self:
        self._wake_read, wake_write = os.pipe()
        self._cleanup.callback(os.close, self._wake_read)
        self._cleanup.callback(os.close, wake_write)
        os.set_blocking(self._wake_read, False)
        os.set_blocking(wake_write, False)
        before = signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        self._cleanup.callback(signal.set_wakeup_fd, before)
        for number in STOP:
            self._cleanup.callback(signal.signal, number, signal.signal(number, self._count))
        self._cleanup.callback(signal.signal, signal.SIGCHLD, signal.signal(signal.SIGCHLD, _wake_only))
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def _count(self, _number: int, _frame: FrameType | None) -> None:
        self._requests += 1


def _wake_only(_number: int, _frame: FrameType | None) -> None:
    """A handler must exist for the signal to reach the wake-up pipe."""

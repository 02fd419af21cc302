"""Whose turn it is to look through an input: that takes a core, so few do at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

SHORT_BYTES = 1024 * 1024

GONE_AFTER_SECONDS = 2.0
"""Who has not asked for so long does not wait any more."""

_LANES = (float("inf"), SHORT_BYTES)


@dataclass(frozen=True, slots=True)
class _Waiting:
    tenant: str
    size: float
    asked_at: float


class Turns:
    """For any thread. One input of any size has a turn, and beside it a short one, so that it waits for no long one.

    Of those that wait, the tenant is next whose last turn was the longest ago, and of its inputs the shortest.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: dict[str, _Waiting] = {}
        self._taken: dict[str, float] = {}
        self._last_turns: dict[str, int] = {}
        self._count = 0

    def ask(self, batch_id: str, *, tenant: str, size: float) -> bool:
        """Whether it is the turn of an input of so many bytes, until `done`; if not, it is to be asked again soon."""
        with self._lock:
            now = self._clock()
            self._waiting[batch_id] = _Waiting(tenant, size, now)
            self._waiting = {
                one: wait for one, wait in self._waiting.items() if now - wait.asked_at < GONE_AFTER_SECONDS
            }
            for lane in _LANES:
                if lane not in self._taken.values() and self._next(lane) == batch_id:
                    del self._waiting[batch_id]
                    self._taken[batch_id] = lane
                    self._count += 1
                    self._last_turns[tenant] = self._count
                    return True
            return False

    def done(self, batch_id: str) -> None:
        """Its turn is over."""
        with self._lock:
            del self._taken[batch_id]

    def _next(self, most_bytes: float) -> str | None:
        waiting = [(one, wait) for one, wait in self._waiting.items() if wait.size <= most_bytes]
        if not waiting:
            return None
        return min(waiting, key=lambda row: (self._last_turns.get(row[1].tenant, 0), row[1].size))[0]

"""Whether Redis is worth asking: after a failure one caller at a time finds out, and all others do without."""

from __future__ import annotations

import threading
from collections.abc import Callable
from random import Random

PAUSE_SECONDS = 1.0


class Reach:
    """Safe to share. `clock` is monotonic.

    A try begins about a second after the one before; the pause varies, so that not all processes try at once.
    """

    def __init__(self, clock: Callable[[], float], random: Random) -> None:
        self._clock = clock
        self._random = random
        self._lock = threading.Lock()
        self._tried: float | None = None
        self._pause = PAUSE_SECONDS

    @property
    def is_lost(self) -> bool:
        return self._tried is not None

    def may_try(self) -> bool:
        """Whether the caller is to ask; while Redis is away that is one after each pause."""
        with self._lock:
            now = self._clock()
            if self._tried is None:
                return True
            if 0 <= now - self._tried < self._pause:
                return False
            self._begin_pause(now)
            return True

    def lose(self) -> None:
        """Redis did not answer."""
        with self._lock:
            self._begin_pause(self._clock())

    def find(self) -> None:
        """Redis has answered."""
        with self._lock:
            self._tried = None

    def _begin_pause(self, now: float) -> None:
        self._tried = now
        self._pause = PAUSE_SECONDS * self._random.uniform(0.5, 1.5)

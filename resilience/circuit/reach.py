"""Whether Redis is worth asking: after a failure one caller at a time finds out, and all others do without."""

from __future__ import annotations

import threading
from collections.abc import Callable
from random import Random

PAUSE_SECONDS = 1.0


class Reach:
    """Safe to share. `clock` is monotonic.

    A try begins about a second after the one before has failed: not in all processes at once, so the pause varies.
    """

    def __init__(self, clock: Callable[[], float], random: Random) -> None:
        self._clock = clock
        self._random = random
        self._lock = threading.Lock()
        self._failed: float | None = None
        self._is_trying = False
        self._pause = PAUSE_SECONDS

    @property
    def is_lost(self) -> bool:
        return self._failed is not None

    def may_try(self) -> bool:
        """Whether the caller is to ask; who may then says how it went."""
        with self._lock:
            if self._failed is None:
                return True
            if self._is_trying or 0 <= self._clock() - self._failed < self._pause:
                return False
            self._is_trying = True
            return True

    def lose(self) -> None:
        """Redis did not answer."""
        with self._lock:
            self._failed, self._is_trying = self._clock(), False
            self._pause = PAUSE_SECONDS * self._random.uniform(0.5, 1.5)

    def find(self) -> None:
        """Redis has answered."""
        with self._lock:
            self._failed, self._is_trying = None, False

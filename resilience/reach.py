"""Who asks a server that may be away, so that not every request waits for it in vain."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Reach:
    """While the server answers everybody asks it; once it has failed, one at a time, a while after the last failure.

    `clock` is monotonic, `pause` draws the seconds of that while. Safe to share between threads and greenlets.
    """

    def __init__(self, clock: Callable[[], float], *, pause: Callable[[], float]) -> None:
        self._clock = clock
        self._pause = pause
        self._lock = threading.Lock()
        self._ask_again_at: float | None = None
        self._is_asked = False

    @property
    def is_lost(self) -> bool:
        """Whether the server has not answered since it failed."""
        return self._ask_again_at is not None

    @property
    def seconds_left(self) -> float:
        """Until the server is asked again; where it is being asked just now, a whole pause."""
        with self._lock:
            if self._is_asked or self._ask_again_at is None:
                return self._pause()
            return max(0.0, self._ask_again_at - self._clock())

    def may_ask(self) -> bool:
        """Whether to ask now; whoever may, says afterwards how it went."""
        with self._lock:
            if self._ask_again_at is None:
                return True
            if self._is_asked or self._clock() < self._ask_again_at:
                return False
            self._is_asked = True
            return True

    def answered(self) -> bool:
        """The server has answered; whether it was away before."""
        if self._ask_again_at is None:
            return False
        with self._lock:
            was_away = self._ask_again_at is not None
            self._ask_again_at, self._is_asked = None, False
            return was_away

    def failed(self) -> bool:
        """The server has not answered; whether that is new."""
        with self._lock:
            is_new = self._ask_again_at is None
            self._ask_again_at, self._is_asked = self._clock() + self._pause(), False
            return is_new

"""Lets a run sleep until so much has happened that it is worth a round."""

from __future__ import annotations

import threading

AT_LEAST_SECONDS = 0.02
AT_MOST_SECONDS = 0.25
"""How long a run that was woken waits for more, so that it brings in many lines at once."""


class Doorbell:
    """Rung by any thread; one waits."""

    def __init__(self) -> None:
        self._heard = threading.Condition()
        self._rings = 0
        self._is_urgent = False

    def ring(self) -> None:
        """Something has happened: the end of a line, as a rule."""
        with self._heard:
            self._rings += 1
            self._heard.notify()

    def hurry(self) -> None:
        """Whoever waits, waits for nothing more."""
        with self._heard:
            self._is_urgent = True
            self._heard.notify()

    def wait(self, seconds: float, *, enough: int) -> None:
        """Until it was rung *enough* times, or once and some time ago, or so many seconds have gone by."""
        with self._heard:
            if self._heard.wait_for(lambda: self._rings or self._is_urgent, seconds):
                self._heard.wait_for(lambda: self._is_urgent, AT_LEAST_SECONDS)
                self._heard.wait_for(lambda: self._rings >= enough or self._is_urgent, AT_MOST_SECONDS)
            self._rings, self._is_urgent = 0, False

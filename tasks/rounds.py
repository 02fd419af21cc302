"""A thread that does one thing again and again until it is told to stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from jobs.errors import StoreUnavailable

log = logging.getLogger(__name__)


class Rounds:
    """Calls `work` in its own thread; `wait(seconds)` between rounds ends early on `nudge()` or `stop()`.

    A nudged round starts `gather_seconds` later, so that one round answers many nudges. A round that fails
    is logged, an outage of Redis once only, and the next round comes all the same.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], object],
        next_pause_seconds: Callable[[], float | None],
        *,
        gather_seconds: float = 0.0,
    ) -> None:
        self._work = work
        self._next_pause_seconds = next_pause_seconds
        self._gather_seconds = gather_seconds
        self._nudged = threading.Event()
        self._stopped = False
        self._is_away = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin with a first round at once."""
        self._thread.start()

    def nudge(self) -> None:
        """Have the next round start now, or as soon as nudges are gathered."""
        self._nudged.set()

    def stop(self) -> None:
        """End after the current round; returns when the thread has ended."""
        self._stopped = True
        self._nudged.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped:
            try:
                self._work()
                if self._is_away:
                    log.warning("redis_is_back", extra={"round": self._thread.name})
                self._is_away = False
            except StoreUnavailable as error:
                if not self._is_away:
                    log.warning("redis_is_away", extra={"round": self._thread.name, "reason": str(error)})
                self._is_away = True
            except Exception:
                log.exception("round_failed", extra={"round": self._thread.name})
            if self._nudged.wait(self._next_pause_seconds()):
                if self._gather_seconds and not self._stopped:
                    time.sleep(self._gather_seconds)
                self._nudged.clear()

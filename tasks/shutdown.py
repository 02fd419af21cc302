"""Ends a worker without losing or counting anything."""

from __future__ import annotations

import logging
import threading

from jobs.errors import StoreUnavailable
from tasks.leases import LeaseKeeper
from tasks.running import RunningAttempts, StopReason

log = logging.getLogger(__name__)


class Shutdown:
    """Stops claiming, gives running jobs `grace_seconds`, then has the rest released uncounted."""

    def __init__(self, running: RunningAttempts, keeper: LeaseKeeper, *, grace_seconds: float) -> None:
        self._running = running
        self._keeper = keeper
        self._grace_seconds = grace_seconds
        self._closing = threading.Event()

    def is_closing(self) -> bool:
        """Whether the worker takes no more jobs."""
        return self._closing.is_set()

    def begin(self) -> None:
        """Start, without blocking: this is called from a signal handler."""
        if not self._closing.is_set():
            self._closing.set()
            threading.Thread(target=self._wind_down, name="shutdown", daemon=True).start()

    def _wind_down(self) -> None:
        log.info("shutdown_started", extra={"running": len(self._running.all()), "grace_s": self._grace_seconds})
        try:
            self._keeper.leave()
        except StoreUnavailable as error:
            log.warning("leave_not_recorded", extra={"reason": str(error)})
        if self._running.wait_until_none(self._grace_seconds):
            return
        for attempt in self._running.all():
            self._running.stop(attempt, StopReason.SHUTDOWN)

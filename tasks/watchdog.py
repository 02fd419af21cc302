"""Ends a process whose engine is stuck: no thread can be killed, but leases bring its jobs back."""

from __future__ import annotations

import logging
from collections.abc import Callable

from models.engine import Engine
from tasks.rounds import Rounds

log = logging.getLogger(__name__)

EXIT_STUCK = 70
CHECK_SECONDS = 1.0


class Watchdog:
    """Calls `end_process` once the engine has been inside one step for `limit_seconds`."""

    def __init__(self, engine: Engine, *, limit_seconds: float, end_process: Callable[[int], None]) -> None:
        self._engine = engine
        self._limit_seconds = limit_seconds
        self._end_process = end_process
        rounds = Rounds("watchdog", self.check, lambda: CHECK_SECONDS)
        self.start = rounds.start
        self.stop = rounds.stop

    def check(self) -> None:
        """One look."""
        stuck_for = self._engine.seconds_since_progress()
        if stuck_for > self._limit_seconds:
            log.critical("engine_stuck", extra={"seconds": round(stuck_for, 1)})
            self._end_process(EXIT_STUCK)

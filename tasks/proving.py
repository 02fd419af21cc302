"""Proves that messages still come from the broker through to the work, whatever there is to do.

A *canary* is a message of a process to itself, on a queue of its own: it takes the way of all others, is no job, and
is counted nowhere.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from kombu.exceptions import KombuError
from redis import RedisError

from jobs.errors import StoreUnavailable
from jobs.probe_stamp import Phase, ProbeStamp
from tasks.rounds import Rounds

log = logging.getLogger(__name__)


class Proving:
    """`send` sends a canary, `works` returns once the work has been seen to go on and raises if it does not.

    `now` is Unix time. While Redis is away nothing is held against the process: no other could do better.
    """

    def __init__(
        self,
        *,
        file: Path,
        every_seconds: float,
        limit_seconds: float,
        send: Callable[[], object],
        works: Callable[[], object],
        now: Callable[[], float],
    ) -> None:
        self._file = file
        self._limit_seconds = limit_seconds
        self._send = send
        self._works = works
        self._now = now
        self._proven_at: float | None = None
        self._unproven_since: float | None = None
        self._is_ending = False
        self._looking = threading.Lock()
        self._rounds = Rounds("canary", self.round, lambda: every_seconds)

    def start(self) -> None:
        """Celery listens now."""
        self._rounds.start()

    def begin_end(self) -> None:
        """No message is taken any more, and that is well."""
        self._is_ending = True
        self._rounds.nudge()

    def stop(self) -> None:
        """The process ends by itself: whoever asks is told nothing more."""
        self._is_ending = True
        self._rounds.stop()
        self._file.unlink(missing_ok=True)

    def round(self) -> None:
        """Send the next canary, and say how it stands."""
        phase: Phase = "ending"
        if not self._is_ending:
            phase = "ready" if self._sent() else "without Redis"
        if phase != "ready":
            self._unproven_since = None
        stamp = ProbeStamp(
            at=self._now(),
            phase=phase,
            limit_seconds=self._limit_seconds,
            proven_at=self._proven_at,
            unproven_since=self._unproven_since,
        )
        stamp.write(self._file)

    def come(self) -> str:
        """A canary has come; what became of it. While one waits for the work, others have nothing to add."""
        if not self._looking.acquire(blocking=False):
            return "waits"
        try:
            self._works()
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing is proven
            log.warning("canary_failed", extra={"error": type(error).__name__})
            return "failed"
        finally:
            self._looking.release()
        self._proven_at, self._unproven_since = self._now(), None
        return "proven"

    def _sent(self) -> bool:
        if self._unproven_since is None:
            self._unproven_since = self._now()
        try:
            self._send()
        except (KombuError, RedisError, OSError, StoreUnavailable):
            return False
        return True

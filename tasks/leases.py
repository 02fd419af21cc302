"""Keeps a worker's leases and its place in the fleet."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from jobs.errors import StoreUnavailable
from jobs.store import JobStore
from tasks.identity import Identity
from tasks.rounds import Rounds
from tasks.running import RunningAttempts, StopReason

log = logging.getLogger(__name__)

RENEWALS_PER_LEASE = 10 / 3
CLOCK_SLACK_SECONDS = 1.0
"""Redis refuses a renewal at the run limit a moment before the worker's own clock says so."""


class NameTaken(Exception):
    """Raised at start when a worker that may be alive goes by the same name."""


class LeaseKeeper:
    """Renews every running attempt's lease and the worker's heartbeat, three times per lease."""

    def __init__(
        self,
        store: JobStore,
        running: RunningAttempts,
        *,
        identity: Identity,
        model: str,
        slots: int,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._running = running
        self._clock = clock
        self._identity = identity
        self._model = model
        self._slots = slots
        self._offered = 0
        self._has_left = False
        self._presence = threading.Lock()
        self._rounds = Rounds("leases", self.renew, lambda: store.settings.lease_seconds / RENEWALS_PER_LEASE)
        self.start = self._rounds.start
        self.stop = self._rounds.stop

    def join(self) -> int:
        """Announce the worker, without slots yet, and rescue the jobs of a dead one of its name; how many there were.

        Raises NameTaken if the name belongs to a worker that may be alive.
        """
        namesake = self._beat()
        if namesake and not self._identity.is_known_dead(namesake):
            raise NameTaken(
                f"a worker named {self._identity.worker} may be alive ({namesake}); set another FRONTIER_WORKER_NAME"
            )
        rescued = self._store.rescue_worker(self._identity.worker)
        self._beat()
        return rescued

    def open(self) -> None:
        """Offer the worker's slots, now that it takes messages. If Redis is away, a later round does it."""
        self._offered = self._slots
        with suppress(StoreUnavailable):
            self._beat()

    def leave(self) -> None:
        """Take no more jobs; leases of running ones are still renewed."""
        with self._presence:  # a heartbeat under way is over by now, so that it cannot undo this
            self._has_left = True
            self._store.leave(self._identity.worker, model=self._model)

    def renew(self) -> None:
        """One round. Raises StoreUnavailable."""
        if namesake := self._beat():
            log.error("worker_name_taken", extra={"worker": self._identity.worker, "by": namesake})
        attempts = self._running.all()
        for attempt, kept in zip(attempts, self._store.renew([one.lease for one in attempts]), strict=True):
            if not kept:
                is_over = self._clock() >= attempt.run_until - CLOCK_SLACK_SECONDS
                self._running.stop(attempt, StopReason.OUT_OF_TIME if is_over else StopReason.LEASE_LOST)

    def _beat(self) -> str | None:
        """The other worker that has this one's name, if there is one; nothing once this one has left."""
        who = self._identity
        with self._presence:
            if self._has_left:
                return None
            return self._store.heartbeat(who.worker, model=self._model, slots=self._offered, instance=who.instance)

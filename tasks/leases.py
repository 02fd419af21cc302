"""Keeps a worker's leases and its place in the fleet."""

from __future__ import annotations

from collections.abc import Callable

from jobs.store import JobStore
from jobs.worker_gauges import WorkerGauges
from tasks.identity import Identity
from tasks.presence import BEATS_PER_LEASE, Presence
from tasks.rounds import Rounds
from tasks.running import RunningAttempts, StopReason

CLOCK_SLACK_SECONDS = 1.0
"""Redis refuses a renewal at the run limit a moment before the worker's own clock says so."""


def untold() -> None:
    """Nobody is told how busy the worker is."""


class LeaseKeeper:
    """Renews every running attempt's lease and the worker's heartbeat, three times per lease; with it go its gauges."""

    def __init__(
        self,
        store: JobStore,
        running: RunningAttempts,
        *,
        identity: Identity,
        model: str,
        slots: int,
        clock: Callable[[], float],
        reserved_slots: int = 0,
        revision: str | None = None,
        gauges: Callable[[], WorkerGauges | None] = untold,
    ) -> None:
        self._store = store
        self._running = running
        self._clock = clock
        self._presence = Presence(
            identity,
            slots=slots,
            beat=lambda offered: store.heartbeat(
                identity.worker,
                model=model,
                slots=offered,
                instance=identity.instance,
                reserved_slots=reserved_slots,
                revision=revision or "",
                gauges=gauges(),
            ),
            leave=lambda: store.leave(identity.worker, model=model),
            rescue=lambda: store.rescue_worker(identity.worker),
        )
        self._rounds = Rounds("leases", self.renew, lambda: store.settings.lease_seconds / BEATS_PER_LEASE)
        self.join = self._presence.join
        self.open = self._presence.open
        self.leave = self._presence.leave
        self.start = self._rounds.start
        self.stop = self._rounds.stop

    def renew(self) -> None:
        """One round. Raises StoreUnavailable."""
        self._presence.renew()
        attempts = self._running.all()
        answers = self._store.renew(
            [one.lease for one in attempts], waited_seconds=[one.waited_seconds for one in attempts]
        )
        for attempt, kept in zip(attempts, answers, strict=True):
            if not kept:
                is_over = self._clock() >= attempt.run_until - CLOCK_SLACK_SECONDS
                self._running.stop(attempt, StopReason.OUT_OF_TIME if is_over else StopReason.LEASE_LOST)

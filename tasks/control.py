"""Hears what clients want of running jobs, and ends attempts that have had their time."""

from __future__ import annotations

from collections.abc import Callable

import redis
from redis.client import PubSub

from jobs.scripts import unavailable_as_our_error
from jobs.store import JobStore
from tasks.rounds import Rounds
from tasks.running import RunningAttempts, StopReason

POLL_SECONDS = 0.25


class Control:
    """Looks at the signals of all running jobs when the worker's channel speaks, and every 250 ms.

    Time limits are the worker's own clock's business and go on while Redis is away.
    """

    def __init__(
        self,
        store: JobStore,
        client: redis.Redis,
        running: RunningAttempts,
        *,
        worker: str,
        clock: Callable[[], float],
        on_reader: Callable[[], object],
    ) -> None:
        """*on_reader* is called when somebody has begun to read the tokens of a running job."""
        self._store = store
        self._client = client
        self._running = running
        self._channel = store.keys.control(worker)
        self._clock = clock
        self._on_reader = on_reader
        self._pubsub: PubSub | None = None
        self._rounds = Rounds("control", self.look, lambda: 0.0 if self._pubsub else POLL_SECONDS)
        self.start = self._rounds.start
        self.stop = self._rounds.stop

    def look(self) -> None:
        """One round: wait for word, at most 250 ms, then see to every attempt. Raises StoreUnavailable."""
        self._end_overdue()
        try:
            with unavailable_as_our_error():
                self._listen()
            self._read_signals()
        except Exception:
            self._drop_subscription()
            raise

    def _listen(self) -> None:
        if self._pubsub is None:
            self._pubsub = self._client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
            self._pubsub.subscribe(self._channel)
        while self._pubsub.get_message(timeout=0.0):
            pass
        self._pubsub.get_message(timeout=POLL_SECONDS)

    def _read_signals(self) -> None:
        attempts = self._running.all()
        for attempt, signals in zip(attempts, self._store.signals([one.lease for one in attempts]), strict=True):
            if signals.streamed and not attempt.is_streamed:
                attempt.is_streamed = True
                self._on_reader()
            if signals.cancel_requested:
                self._running.stop(attempt, StopReason.CANCELLED)

    def _end_overdue(self) -> None:
        now = self._clock()
        for attempt in self._running.all():
            if now >= attempt.run_until:
                self._running.stop(attempt, StopReason.OUT_OF_TIME)

    def _drop_subscription(self) -> None:
        if self._pubsub is not None:
            self._pubsub.close()
            self._pubsub = None

"""Carries tokens from the engine to the record, off the engine's thread and in batches."""

from __future__ import annotations

import logging
from collections.abc import Callable

from jobs.answers import Emission
from jobs.store import JobStore
from models.engine import Token
from resilience.failpoints import Failpoint, Reach, unarmed
from tasks.rounds import Rounds
from tasks.running import RunningAttempt, RunningAttempts, StopReason

log = logging.getLogger(__name__)

STREAM_SECONDS = 0.025
CHECKPOINT_SECONDS = 2.0
GATHER_SECONDS = 0.005
"""Attempts that begin together share a round trip, and one that is over by then needs none."""


class Emitter:
    """Records a job's first token at once, then its tokens every 25 ms while somebody reads them, else every 2 s.

    A checkpoint bounds what a lost worker costs: the next attempt goes on from it. All due jobs go in one
    round trip; a nudge has that begin at once. If Redis is away the tokens stay here and go with a later
    round, or with the outcome.
    """

    def __init__(
        self, store: JobStore, running: RunningAttempts, clock: Callable[[], float], *, reach: Reach = unarmed
    ) -> None:
        self._store = store
        self._running = running
        self._clock = clock
        self._reach = reach
        self._checkpoint_at = clock()
        self._rounds = Rounds("emitter", self.flush, self._pause, gather_seconds=GATHER_SECONDS)
        self.start = self._rounds.start
        self.nudge = self._rounds.nudge
        self.stop = self._rounds.stop

    def receiver(self, attempt: RunningAttempt) -> Callable[[Token], None]:
        """What the engine calls with each token of an attempt."""

        def receive(token: Token) -> None:
            attempt.add(token)
            if attempt.emitted == 0 and attempt.new_tokens == 1:
                self._rounds.nudge()

        return receive

    def flush(self) -> None:
        """Record what is due. Raises StoreUnavailable."""
        is_checkpoint = self._clock() >= self._checkpoint_at
        due = [
            attempt
            for attempt in self._running.all()
            if len(attempt.ids) > attempt.emitted
            and not attempt.is_ending
            and (is_checkpoint or attempt.is_streamed or attempt.emitted == 0)
        ]
        emissions = [_emission(attempt) for attempt in due]
        if emissions:
            self._reach(Failpoint.WORKER_BEFORE_EMIT)
        answers = self._store.emit(emissions)
        for attempt, answer in zip(due, answers, strict=True):
            if answer.verdict != "fenced":
                attempt.emitted = answer.stored
            elif not attempt.is_ending:
                log.warning("tokens_refused", extra={"job_id": attempt.lease.job_id, "attempt": attempt.lease.attempt})
                self._running.stop(attempt, StopReason.LEASE_LOST)
        if is_checkpoint:
            self._checkpoint_at = self._clock() + CHECKPOINT_SECONDS

    def _pause(self) -> float:
        if any(attempt.is_streamed for attempt in self._running.all()):
            return STREAM_SECONDS
        return max(STREAM_SECONDS, self._checkpoint_at - self._clock())


def _emission(attempt: RunningAttempt) -> Emission:
    run = attempt.tokens(attempt.emitted)
    return Emission(attempt.lease, run.first, run.ids, run.pieces, run.logprobs)

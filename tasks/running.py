"""The attempts that this worker is running, and how each is told to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import StrEnum

from jobs.events import AttemptTimes
from jobs.job import JobState
from jobs.lease import Lease
from jobs.token_run import TokenRun
from models.engine import Token


class StopReason(StrEnum):
    """Why an attempt must end before its engine has."""

    CANCELLED = "cancelled"
    OUT_OF_TIME = "out of time"
    LEASE_LOST = "lease lost"
    SHUTDOWN = "shutdown"


class RunningAttempt:
    """One leased job and the tokens it has so far.

    The engine's thread appends, the emitter and the attempt's own thread read; `ids` and `pieces` only
    grow. While `is_ending` the outcome, tokens and all, is on its way to the record. Instants are of the
    worker's monotonic clock, in seconds.
    """

    def __init__(self, lease: Lease, *, claimed_at: float, clock: Callable[[], float]) -> None:
        self.lease = lease
        self.claimed_at = claimed_at
        self.began_at: float | None = None
        self.ids = list(lease.emitted_ids)
        self.pieces = list(lease.emitted_pieces)
        self.logprobs = list(lease.emitted_logprobs)
        self.emitted = len(self.ids)
        self.is_streamed = lease.is_streamed
        self.is_ending = False
        self.first_token_at: float | None = None
        self.last_token_at: float | None = None
        self.stop_reason: StopReason | None = None
        self._tells_logprobs = lease.request.params.logprobs is not None
        self._clock = clock

    def begin(self) -> None:
        """It has got its slot in the engine."""
        self.began_at = self._clock()

    @property
    def waited_seconds(self) -> float:
        """How long it has waited in the worker for its slot, by now or in all."""
        return (self._clock() if self.began_at is None else self.began_at) - self.claimed_at

    @property
    def run_until(self) -> float:
        """When its time is over: the run limit counts from its slot on, a deadline stays where it is."""
        waited = 0.0 if self.ends_as is JobState.EXPIRED else self.waited_seconds
        return self.claimed_at + waited + self.lease.run_seconds

    def times(self, *, ended_at: float, recorded_at: float) -> AttemptTimes:
        """When what of it happened."""
        return AttemptTimes(
            claimed_at=self.claimed_at,
            began_at=self.began_at,
            first_token_at=self.first_token_at,
            last_token_at=self.last_token_at,
            ended_at=ended_at,
            recorded_at=recorded_at,
        )

    def add(self, token: Token) -> None:
        """Take a token from the engine."""
        self.pieces.append(token.text)
        if self._tells_logprobs:
            self.logprobs.append(token.logprobs)
        self.ids.append(token.id)
        self.last_token_at = self._clock()
        if self.first_token_at is None:
            self.first_token_at = self.last_token_at

    @property
    def request_id(self) -> str:
        """The attempt's name in the engine; a superseded attempt of the same job may still be ending there."""
        return f"{self.lease.job_id}/{self.lease.token}"

    def tokens(self, first: int = 0) -> TokenRun:
        """The tokens so far, from index *first* on."""
        end = len(self.ids)  # the last list that the engine's thread appends to
        return TokenRun(
            first=first, ids=self.ids[first:end], pieces=self.pieces[first:end], logprobs=self.logprobs[first:end]
        )

    @property
    def new_tokens(self) -> int:
        """How many tokens this attempt has made itself."""
        return len(self.ids) - len(self.lease.emitted_ids)

    @property
    def ends_as(self) -> JobState:
        """The state that running out of time leads to."""
        return self.lease.ends_as


class RunningAttempts:
    """A worker's attempts, shared by its threads.

    Two may be of one job: a worker that was cut off can claim its own rescued job while it still runs it.
    """

    def __init__(self, cancel_in_engine: Callable[[str], None]) -> None:
        self._attempts: dict[str, RunningAttempt] = {}
        self._cancel_in_engine = cancel_in_engine
        self._changed = threading.Condition()

    def add(self, attempt: RunningAttempt) -> None:
        """Start looking after an attempt."""
        with self._changed:
            self._attempts[attempt.request_id] = attempt

    def remove(self, attempt: RunningAttempt) -> None:
        """The attempt is over."""
        with self._changed:
            self._attempts.pop(attempt.request_id, None)
            self._changed.notify_all()

    def all(self) -> list[RunningAttempt]:
        """Those that run now."""
        with self._changed:
            return list(self._attempts.values())

    def stop(self, attempt: RunningAttempt, reason: StopReason) -> None:
        """End an attempt within one decode step; the first reason given is the one that counts."""
        if attempt.stop_reason is None:
            attempt.stop_reason = reason
        self._cancel_in_engine(attempt.request_id)

    def wait_until_none(self, timeout_seconds: float) -> bool:
        """Whether all attempts ended within the time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._attempts, timeout_seconds)

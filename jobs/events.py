"""What happens to jobs, deliveries and batches, for whoever watches: logs now, metrics and traces by the same door."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from jobs.answers import Accepted
from jobs.job import Outcome
from jobs.lease import Lease
from jobs.new_job import NewJob
from jobs.webhooks.delivery import DeliveryAttempt, DeliveryLease, Settled

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JobAccepted:
    """A job is on record, or was; `began_at` and `ended_at` are the Unix seconds in between which that was done.

    `batch_traceparent` is that of the traced request which made the batch that the job is a line of.
    """

    job: NewJob
    accepted: Accepted
    began_at: float
    ended_at: float
    batch_traceparent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptTimes:
    """When what of an attempt happened, in seconds of the worker's monotonic clock.

    It `began_at` when it got its slot; it `ended_at` when its outcome was known, which the store had at `recorded_at`.
    """

    claimed_at: float
    began_at: float | None
    first_token_at: float | None
    last_token_at: float | None
    ended_at: float
    recorded_at: float


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """A worker has claimed a job."""

    lease: Lease
    model: str


@dataclass(frozen=True, slots=True)
class AttemptFinished:
    """An attempt is over; `answer` is what the store made of it, `outcome` None if it left none.

    `published_in` is the `traceparent` of the message that it came with. It has generated so many `new_tokens`; of
    these `wasted_tokens` are neither in an outcome nor in the log that another attempt goes on from.
    """

    lease: Lease
    model: str
    answer: str
    outcome: Outcome | None
    times: AttemptTimes
    published_in: str | None = None
    new_tokens: int = 0
    wasted_tokens: int = 0


@dataclass(frozen=True, slots=True)
class DeliveryAttempted:
    """A sender has tried to deliver; `settled` is what the store made of it, None if it could not be told.

    `retry_in_seconds` is None if no attempt is left, or none needed.
    """

    lease: DeliveryLease
    attempt: DeliveryAttempt
    settled: Settled | None
    retry_in_seconds: float | None


@dataclass(frozen=True, slots=True)
class PartsCommitted:
    """A runner has told of lines of a batch, in parts of its output that are in the record now."""

    completed: int
    failed: int
    parts: int


Event = JobAccepted | AttemptStarted | AttemptFinished | DeliveryAttempted | PartsCommitted
Listener = Callable[[Event], None]


def notify(listeners: Iterable[Listener], event: Event) -> None:
    """Tell every listener; one that raises must not fail the job."""
    for listener in listeners:
        try:
            listener(event)
        except Exception:
            log.exception("listener_failed", extra={"listener": repr(listener)})

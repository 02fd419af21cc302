"""What happens to jobs and deliveries, for whoever watches: logs now, metrics and traces by the same door."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from jobs.job import Outcome
from jobs.lease import Lease
from jobs.webhooks.delivery import DeliveryAttempt, DeliveryLease, Settled

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """A worker has claimed a job."""

    lease: Lease
    model: str


@dataclass(frozen=True, slots=True)
class AttemptFinished:
    """An attempt is over; `answer` is what the store made of it, `outcome` None if it left none."""

    lease: Lease
    model: str
    answer: str
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class DeliveryAttempted:
    """A sender has tried to deliver; `settled` is what the store made of it, None if it could not be told.

    `retry_in_seconds` is None if no attempt is left, or none needed.
    """

    lease: DeliveryLease
    attempt: DeliveryAttempt
    settled: Settled | None
    retry_in_seconds: float | None


Event = AttemptStarted | AttemptFinished | DeliveryAttempted
Listener = Callable[[Event], None]


def notify(listeners: Iterable[Listener], event: Event) -> None:
    """Tell every listener; one that raises must not fail the job."""
    for listener in listeners:
        try:
            listener(event)
        except Exception:
            log.exception("listener_failed", extra={"listener": repr(listener)})

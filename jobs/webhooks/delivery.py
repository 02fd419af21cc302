"""A delivery: one event on its way to one receiver.

    pending ──attempt──▶ delivered | failed
       ▲        │
       └─later──┘        pending also ends as cancelled; a replay makes any of the three pending again.

A failed one is a dead letter. It owns its body: nothing that happens to the job changes what is sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from jobs.traceparent import span_id


class DeliveryStatus(StrEnum):
    """Where a delivery stands; the values are those on the wire."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAttempt:
    """One try, as it is logged; `at` is in Unix seconds by the sender's clock.

    `status` is the receiver's, None if none came. `error` is one of a closed list: dns, url_not_allowed, connect, tls,
    timeout, protocol, status, internal; None if the receiver accepted. `snippet` is the beginning of its answer,
    escaped.
    """

    number: int
    at: float
    seconds: float
    status: int | None = None
    error: str | None = None
    snippet: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """As the store knows it; instants are Unix seconds.

    `subject` is the id of the job or endpoint that the event is about. `endpoint_id` is None for a job's own webhook.
    `next_attempt_at` is None unless it waits. `ended_as` says why one failed or was cancelled without a last attempt
    of its own: `endpoint_disabled`, `endpoint_deleted`, `job_erased`, `backlog_full`, `too_old`,
    `sender_lost`.
    """

    id: str
    tenant: str
    event_id: str
    event_type: str
    subject: str
    endpoint_id: str | None
    url: str
    status: DeliveryStatus
    created_at: float
    attempt_count: int = 0
    next_attempt_at: float | None = None
    last_attempt_at: float | None = None
    finished_at: float | None = None
    ended_as: str | None = None
    is_test: bool = False
    attempts: tuple[DeliveryAttempt, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLease:
    """The right to make one attempt, good until `token` is superseded.

    `failures` counts the attempts of this schedule that have failed, so it is the place of the next one in it.
    `sealed_secrets` are those to sign with, newest first. `traceparent` is what the job came
    with, or, if it `is_traced`, that of its request's span, under which each attempt is one.
    """

    delivery_id: str
    tenant: str
    sender: str
    token: int
    number: int
    failures: int
    event_id: str
    event_type: str
    endpoint_id: str | None
    url: str
    body: bytes = field(repr=False)
    sealed_secrets: tuple[bytes, ...] = field(repr=False)
    traceparent: str | None = None
    is_traced: bool = False
    is_test: bool = False

    @property
    def span_id(self) -> str:
        """Of the attempt, in its trace."""
        return self._span_id_of(self.number)

    @property
    def first_span_id(self) -> str:
        """Of the delivery's first attempt."""
        return self._span_id_of(1)

    def _span_id_of(self, number: int) -> str:
        return span_id(self.delivery_id, number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What the store made of an attempt: the status that the delivery has now, None if the token was superseded.

    `disabled` is the reason if the attempt has disabled its endpoint.
    """

    status: DeliveryStatus | None
    disabled: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPage:
    """Some deliveries, newest first, without their attempts; `next_before` goes on from here, None at the end."""

    deliveries: list[Delivery]
    next_before: str | None

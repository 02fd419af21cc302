"""Tests of endpoints: a sample goes the way of every delivery, and the answer is waited for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from api.errors import ProbeNotAnswered, ProbeNotSent
from api.event_document import event_document
from jobs.webhooks.delivery import Delivery, DeliveryAttempt, DeliveryStatus
from jobs.webhooks.endpoints import EndpointStore
from jobs.webhooks.event import Event
from jobs.webhooks.log import DeliveryLog

PATIENCE_SECONDS = 30.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 0.5

_SUBJECTS = {"job": "job_test", "response": "resp_test", "batch": "batch_test", "endpoint": "we_test"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What an endpoint has made of a test."""

    delivery_id: str
    status_code: int
    error: str | None


@dataclass(frozen=True, kw_only=True)
class EndpointTests:
    """Has a webhook worker send a sample: no receiver is ever asked from here.

    `clock` gives Unix seconds, `monotonic` those to measure with; `is_ending` says that the process is about to end.
    """

    store: EndpointStore
    log: DeliveryLog
    new_id: Callable[[], str]
    clock: Callable[[], float]
    monotonic: Callable[[], float]
    pause: Callable[[float], None]
    is_ending: Callable[[], bool]
    patience_seconds: float = PATIENCE_SECONDS

    def run(self, tenant: str, endpoint_id: str, event_type: str) -> Answered:
        """Send a sample and wait for the endpoint's answer.

        Raises EndpointNotFound, ProbeNotSent if no worker has sent it in time, or ProbeNotAnswered.
        """
        event = self._sample(event_type)
        body = json.dumps(event_document(event), separators=(",", ":")).encode()
        delivery_id = self.store.test(tenant, endpoint_id, event_id=event.id, event_type=event_type, body=body)
        attempt = self._last_attempt(self._wait(tenant, delivery_id))
        if attempt is None or attempt.status is None:
            error = attempt.error if attempt else "internal"
            raise ProbeNotAnswered(f"The endpoint gave no answer: {error}. {delivery_id} is the delivery.")
        return Answered(delivery_id=delivery_id, status_code=attempt.status, error=attempt.error)

    def _wait(self, tenant: str, delivery_id: str) -> Delivery:
        until = self.monotonic() + self.patience_seconds
        pause = FIRST_PAUSE_SECONDS
        while (delivery := self.log.find(tenant, delivery_id)).status is DeliveryStatus.PENDING:
            if self.monotonic() >= until or self.is_ending():
                raise ProbeNotSent(
                    f"No webhook worker has sent {delivery_id} within {self.patience_seconds:g} s; is one running?"
                )
            self.pause(pause)
            pause = min(LONGEST_PAUSE_SECONDS, pause * 1.5)
        return delivery

    def _last_attempt(self, delivery: Delivery) -> DeliveryAttempt | None:
        return delivery.attempts[-1] if delivery.attempts else None

    def _sample(self, event_type: str) -> Event:
        kind = event_type.partition(".")[0]
        detail = {"job": "test-model", "endpoint": "failing"}.get(kind, "")
        return Event(
            id=f"{self.new_id()}_test",
            type=event_type,
            created_at=self.clock(),
            subject=_SUBJECTS[kind],
            detail=detail,
        )

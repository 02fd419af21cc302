"""Attempts to deliver in numbers."""

from __future__ import annotations

from jobs.events import DeliveryAttempted, Event
from jobs.webhooks.delivery import DeliveryStatus
from jobs.webhooks.event import happened_at
from observability.metrics import worker_catalogue as told
from observability.metrics.instruments import Instruments


class DeliveryMetrics:
    """Listens to the attempts of one sender."""

    def __init__(self, instruments: Instruments) -> None:
        self._lag = instruments.histogram(told.DELIVERY_LAG)
        attempts = instruments.counter(told.WEBHOOK_ATTEMPTS)
        self._attempts = {outcome: attempts.labels(outcome) for outcome in told.DELIVERY_OUTCOMES}

    def listen(self, event: Event) -> None:
        if not isinstance(event, DeliveryAttempted):
            return
        lease, attempt, settled = event.lease, event.attempt, event.settled
        self._attempts[attempt.error or "delivered"].inc()
        began = happened_at(lease.event_id)
        is_delivered = settled is not None and settled.status is DeliveryStatus.DELIVERED
        if is_delivered and began is not None and not lease.is_test:
            self._lag.observe(max(0.0, attempt.at + attempt.seconds - began))

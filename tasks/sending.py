"""One attempt of one delivery: claim, send, record. Knows no Celery.

Whatever happens in between, exactly one of three things is true afterwards: the attempt is recorded, the
delivery waits again, or its lease runs out and it goes back. What was sent and not recorded is sent again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from uuid import uuid4

from jobs.answers import Skipped
from jobs.errors import StoreUnavailable
from jobs.events import DeliveryAttempted, Listener, notify
from jobs.webhooks.circuit_rules import draw_open_share
from jobs.webhooks.delivery import DeliveryLease, Settled
from jobs.webhooks.outbox import Outbox
from jobs.webhooks.receivers import ReceiverRules
from resilience.failpoints import Failpoint, Reach, unarmed
from tasks.delivering import Courier, Told
from tasks.insisting import STORE_BACKOFF, Insistence
from tasks.retry_schedule import RetrySchedule

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Sendings:
    """Everything an attempt to deliver works with; one per sender, used by many threads at once."""

    outbox: Outbox
    courier: Courier
    schedule: RetrySchedule
    rules: ReceiverRules
    refill: Callable[[], object]
    sender: str
    lease_seconds: float
    clock: Callable[[], float]
    pause: Callable[[float], None]
    random: Random
    is_closing: Callable[[], bool]
    listeners: tuple[Listener, ...] = ()
    reach: Reach = unarmed

    def run(self, tenant: str, delivery_id: str) -> str:
        """Attempt the delivery that a message names; says what became of it, for logs and Flower."""
        lease = self._claim(tenant, delivery_id)
        if lease is None:
            return "skipped"
        self.reach(Failpoint.SENDER_AFTER_CLAIM)
        told = self.courier.carry(lease)
        retry_in_seconds = self._retry_in(lease, told)
        self.reach(Failpoint.SENDER_BEFORE_SETTLE)
        settled = self._settle(lease, told, retry_in_seconds)
        self.reach(Failpoint.SENDER_AFTER_SETTLE)
        notify(self.listeners, DeliveryAttempted(lease, told.attempt, settled, retry_in_seconds))
        self.refill()
        return "not recorded" if settled is None else settled.status or "fenced"

    def _claim(self, tenant: str, delivery_id: str) -> DeliveryLease | None:
        """The lease; None if the message asks for nothing (any more), or the sender takes no more of them."""
        claim_id = uuid4().hex[:16]
        failures = 0
        while not self.is_closing():
            try:
                answer = self.outbox.claim(
                    tenant, delivery_id, sender=self.sender, claim_id=claim_id, lease_seconds=self.lease_seconds
                )
            except StoreUnavailable:
                failures += 1
                self.pause(STORE_BACKOFF.delay(failures, self.random))
                continue
            if isinstance(answer, Skipped):
                log.info("message_skipped", extra={"delivery_id": delivery_id, "reason": answer.why})
                self.refill()
                return None
            return answer
        with suppress(StoreUnavailable):  # then its message counts as lost, and it goes back after a while
            self.outbox.put_back([(tenant, delivery_id)])
        return None

    def _retry_in(self, lease: DeliveryLease, told: Told) -> float | None:
        if told.verdict != "failed" or lease.is_test:
            return None
        return self.schedule.pause(lease.failures + 1, self.random, asked_for=told.asked_for)

    def _settle(self, lease: DeliveryLease, told: Told, retry_in_seconds: float | None) -> Settled | None:
        open_share = draw_open_share(self.random)
        insistence = Insistence(clock=self.clock, pause=self.pause, random=self.random, is_closing=self.is_closing)
        try:
            return insistence.on(
                lambda: self.outbox.settle(
                    lease,
                    told.attempt,
                    rules=self.rules,
                    verdict=told.verdict,
                    retry_in_seconds=retry_in_seconds,
                    blame=told.blame,
                    open_share=open_share,
                )
            )
        except StoreUnavailable as error:
            log.error("delivery_not_recorded", extra={"delivery_id": lease.delivery_id, "reason": str(error)})  # noqa: TRY400 - no trace helps here
            return None

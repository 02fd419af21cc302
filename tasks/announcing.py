"""Publishes what is due to be delivered, as soon as there is word of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress

from celery import Celery
from kombu.exceptions import KombuError
from redis import RedisError

from jobs.errors import StoreUnavailable
from jobs.webhooks.outbox import Outbox
from jobs.webhooks.receivers import ReceiverRules
from tasks.app import DELIVER, WEBHOOKS
from tasks.rounds import Rounds

log = logging.getLogger(__name__)

ANNOUNCEMENTS_PER_ROUND = 20
GATHER_SECONDS = 0.002
"""How long a delivery may wait for others that are due with it; longer saves nothing measurable."""


class Announcing:
    """Has the store announce deliveries while senders have room, and sends a message for each."""

    def __init__(self, outbox: Outbox, app: Celery, *, rules: ReceiverRules, is_closing: Callable[[], bool]) -> None:
        self._outbox = outbox
        self._app = app
        self._rules = rules
        self._is_closing = is_closing

    def announce(self) -> int:
        """One round; how many went out. A sender that ends announces nothing. Raises StoreUnavailable."""
        count = 0
        for _ in range(ANNOUNCEMENTS_PER_ROUND):
            refs = [] if self._is_closing() else self._outbox.announce(self._rules)
            if not refs or not self._publish(refs):
                break
            count += len(refs)
        return count

    def rounds(self, next_pause_seconds: Callable[[], float]) -> Rounds:
        """A thread that announces when it is nudged, and again and again without; not started yet."""
        return Rounds("announce", self.announce, next_pause_seconds, gather_seconds=GATHER_SECONDS)

    def _publish(self, refs: Sequence[tuple[str, str]]) -> bool:
        try:
            with self._app.producer_or_acquire() as producer, producer.batch():
                for tenant, delivery_id in refs:
                    self._app.send_task(
                        DELIVER,
                        args=(tenant, delivery_id),
                        task_id=delivery_id,
                        queue=WEBHOOKS,
                        declare=(),
                        producer=producer,
                    )
        except (KombuError, RedisError, OSError) as error:
            log.warning("publish_postponed", extra={"deliveries": len(refs), "reason": str(error)})
            with suppress(StoreUnavailable):  # then they count as lost, and go back after a while
                self._outbox.put_back(refs)
            return False
        return True

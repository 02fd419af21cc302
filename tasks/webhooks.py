"""Puts a sender of webhooks together: `celery -A tasks.webhooks worker --queues webhooks`.

Celery brings one message per attempt to deliver and runs each in a thread. The same process finds out what is
due, so that nothing else has to run, and keeps house for jobs, so that they expire where no model has a worker.
"""

from __future__ import annotations

import logging
import threading
import time
from functools import partial
from importlib.metadata import version
from random import Random, SystemRandom

from celery import Celery

from jobs.connection import connect
from jobs.errors import StoreUnavailable
from jobs.log_key import find_log_key
from jobs.store import JobStore
from jobs.webhooks.outbox import Outbox
from observability.delivery_log import log_delivery_attempt
from observability.log_context import about
from observability.tenant_hash import hash_tenants_with
from observability.tracing.tracing import open_tracing
from resilience.circuit.connecting import circuits_at
from resilience.egress.guard import EgressGuard
from resilience.egress.post import Poster
from resilience.failpoints import arm
from tasks.announcing import Announcing
from tasks.app import DELIVER, make_app, webhook_queue
from tasks.canaries import Canaries
from tasks.delivering import Courier
from tasks.dispatch import Dispatcher
from tasks.ear import Ear
from tasks.identity import Identity
from tasks.lifecycle import follow_celery, settings_or_exit, wait_for_redis
from tasks.measuring import Measuring
from tasks.presence import BEATS_PER_LEASE, Presence
from tasks.rounds import Rounds
from tasks.sender_settings import SenderSettings
from tasks.sending import Sendings

log = logging.getLogger("frontier.worker")


class Sender:
    """The parts of one sender process."""

    def __init__(self, settings: SenderSettings, app: Celery, canaries: Canaries) -> None:
        self._measuring = Measuring(settings.metrics)
        identity = Identity.of_this_process(settings.sender)
        random = Random(identity.instance)  # noqa: S311 - jitter, not secrets
        client = connect(settings.redis_url, max_connections=settings.threads + 8)
        store = JobStore(client, settings.store)
        wait_for_redis(store.ping)
        store.check_server()
        hash_tenants_with(find_log_key(client, store.keys))
        circuits = circuits_at(settings.redis_url, settings.circuits, random=SystemRandom())
        outbox = Outbox(client, settings.store)
        self._tracing = tracing = open_tracing(settings.tracing, service="frontier-sender", instance=identity.instance)
        self._prove = partial(canaries.prove, client)
        self._canaries = canaries
        self._closing = threading.Event()
        self._presence = presence = Presence(
            identity,
            slots=settings.threads,
            beat=lambda slots: outbox.beat(settings.sender, slots=slots, instance=identity.instance),
            leave=lambda: outbox.leave(settings.sender),
            rescue=lambda: outbox.rescue(settings.sender),
        )
        announcing = Announcing(outbox, app, rules=settings.rules, is_closing=self._closing.is_set)
        self._announcing = announcing.rounds(lambda: random.uniform(0.75, 1.25) * settings.store.sweep_seconds)
        self.sendings = Sendings(
            outbox=outbox,
            courier=Courier(
                guard=EgressGuard(settings.egress),
                poster=Poster(limits=settings.limits),
                sealer=settings.sealer,
                user_agent=f"Frontier/{version('frontier')}",
                now=time.time,
                clock=time.monotonic,
            ),
            schedule=settings.schedule,
            rules=settings.rules,
            refill=self._announcing.nudge,
            sender=settings.sender,
            lease_seconds=settings.lease_seconds,
            clock=time.monotonic,
            pause=time.sleep,
            random=random,
            is_closing=self._closing.is_set,
            listeners=(log_delivery_attempt, *tracing.listeners, *self._measuring.deliveries()),
            reach=arm(settings.failpoints),
        )
        rescued = presence.join()
        log.info("sender_joined", extra={"sender": settings.sender, "rescued": rescued})
        if settings.sealer is None:
            log.warning("nothing_can_be_signed", extra={"reason": "FRONTIER_SECRET_KEY is not set"})
        self._threads = (
            Ear(client, outbox.keys.name("outbox"), lambda _: self._announcing.nudge()),
            self._announcing,
            Rounds("presence", presence.renew, lambda: settings.store.lease_seconds / BEATS_PER_LEASE),
            Dispatcher(store, app, circuits, publishing=tracing.publishing).sweep_rounds(
                lambda: random.uniform(0.75, 1.25) * settings.store.sweep_seconds
            ),
        )
        for thread in self._threads:
            thread.start()

    def open(self) -> None:
        """Let deliveries come: Celery listens now."""
        self._presence.open()
        self._announcing.nudge()
        self._prove()
        log.info("sender_ready")

    def wind_down(self) -> None:
        """Take no more; attempts that are under way end by themselves, within the time that a request may take."""
        self._canaries.wind_down()
        self._closing.set()
        threading.Thread(target=self._leave, name="shutdown", daemon=True).start()

    def close(self) -> None:
        """End the threads; every attempt is over by now."""
        self._canaries.close()
        for thread in self._threads:
            thread.stop()
        self._tracing.close()
        self._measuring.close()

    def _leave(self) -> None:
        try:
            self._presence.leave()
        except StoreUnavailable as error:
            log.warning("leave_not_recorded", extra={"reason": str(error)})


def make_sender_app(settings: SenderSettings) -> Celery:
    """The Celery app of a sender, which is put together when Celery says that the worker starts."""
    app = make_app(settings.redis_url, events=settings.events)
    app.conf.worker_concurrency = settings.threads
    app.conf.task_queues = (webhook_queue(),)
    canaries = Canaries(app, settings.probe, settings.sender)
    sender = follow_celery(lambda: Sender(settings, app, canaries))

    @app.task(name=DELIVER, ignore_result=True)
    def deliver(tenant: str, delivery_id: str) -> str:
        with about(tenant=tenant, delivery_id=delivery_id):
            return sender().sendings.run(tenant, delivery_id)

    return app


app = make_sender_app(settings_or_exit(SenderSettings.from_env))

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import pytest

from jobs.answers import Skipped
from jobs.job import JobState, Outcome
from jobs.new_job import NewJob
from jobs.request import InferenceRequest, RequestType, SamplingParams
from jobs.settings import StoreSettings
from jobs.store import JobStore
from jobs.webhooks.delivery import Delivery, DeliveryAttempt, DeliveryLease, Settled
from jobs.webhooks.endpoint import Endpoint, NewEndpoint
from jobs.webhooks.endpoints import EndpointStore
from jobs.webhooks.event_list import EventList
from jobs.webhooks.log import DeliveryLog
from jobs.webhooks.outbox import Outbox
from jobs.webhooks.receiver_circuits import ReceiverCircuits
from jobs.webhooks.receivers import ReceiverRules
from jobs.webhooks.secrets_store import SecretStore
from jobs.webhooks.webhook import JobWebhook
from tests.jobs.turned_clock import TurnedClock

TENANT = "default"
MODEL = "m"
SENDER = "sender1"
EPOCH = 1_800_000_000.0
ORIGIN = "https://hooks.example.org"
ALL_ENDS = ("job.succeeded", "job.failed", "job.cancelled", "job.expired")
DONE = Outcome(state=JobState.SUCCEEDED, text="upon a time", finish_reason="stop")


def webhook(**changes: Any) -> JobWebhook:
    return replace(JobWebhook(url=f"{ORIGIN}/in?key=1", origin=ORIGIN, events=ALL_ENDS), **changes)


class PostRoom:
    """Jobs that end, a sender with room, and a clock that the test turns."""

    def __init__(self, client: TurnedClock, settings: StoreSettings) -> None:
        self.client = client
        self.store = JobStore(client, settings)
        self.outbox = Outbox(client, settings)
        self.endpoints = EndpointStore(client, settings)
        self.secrets = SecretStore(client, settings)
        self.log = DeliveryLog(client, settings)
        self.events = EventList(client)
        self.circuits = ReceiverCircuits(client, settings)
        self.rules = ReceiverRules()
        self.now = EPOCH
        self.slots = 64
        self._numbers = itertools.count(1)
        self.wait(0)

    def wait(self, seconds: float) -> None:
        """Turn the clock; the sender lives."""
        self.now += seconds
        self.client.turn_to(round(self.now * 1000))
        self.beat()

    def beat(self, sender: str = SENDER, slots: int | None = None) -> None:
        assert self.outbox.beat(sender, slots=slots or self.slots, instance=f"{sender}#1") is None

    def new_job(self, **changes: Any) -> NewJob:
        request = InferenceRequest(
            model=MODEL, type=RequestType.COMPLETION, prompt="Once", params=SamplingParams(max_tokens=8, seed=3)
        )
        new = NewJob(id=f"job_{next(self._numbers):022}", tenant=TENANT, request=request, webhook=webhook())
        return replace(new, **changes)

    def accept(self, **changes: Any) -> str:
        return self.store.accept(self.new_job(**changes)).job_id

    def end(self, outcome: Outcome = DONE, **changes: Any) -> str:
        """Have a worker do one job."""
        job_id = self.accept(**changes)
        self.store.heartbeat("w1", model=MODEL, slots=4, instance="w1#1")
        assert self.store.dispatch(MODEL) == [job_id]
        lease = self.store.claim(job_id, model=MODEL, worker="w1", claim_id="c", can_continue=True)
        assert self.store.finish(lease, outcome) == "ok"  # type: ignore[arg-type]
        return job_id

    def cancelled(self, **changes: Any) -> str:
        """End a job in the cheapest way."""
        job_id = self.accept(**changes)
        self.store.cancel(TENANT, job_id)
        return job_id

    def endpoint(self, *types: str, **changes: Any) -> Endpoint:
        endpoint_id = f"we_{next(self._numbers):022}"
        new = NewEndpoint(
            id=endpoint_id, tenant=TENANT, name="orders", url="https://a.example.org/x", event_types=types or ALL_ENDS
        )
        return self.endpoints.create(replace(new, **changes), sealed=b"sealed", hint="whsec_...0000")

    def announce(self) -> list[str]:
        return [delivery_id for _, delivery_id in self.outbox.announce(self.rules)]

    def try_claim(self, delivery_id: str, *, claim_id: str = "", sender: str = SENDER) -> DeliveryLease | Skipped:
        claim_id = claim_id or f"c{next(self._numbers)}"
        return self.outbox.claim(TENANT, delivery_id, sender=sender, claim_id=claim_id, lease_seconds=35)

    def claim(self, delivery_id: str, **options: Any) -> DeliveryLease:
        lease = self.try_claim(delivery_id, **options)
        assert isinstance(lease, DeliveryLease), lease
        return lease

    def claim_next(self) -> DeliveryLease:
        """The lease of the one delivery that is due."""
        [delivery_id] = self.announce()
        return self.claim(delivery_id)

    def settle(
        self, lease: DeliveryLease, verdict: Any = "delivered", *, seconds: float = 0.125, **options: Any
    ) -> Settled:
        status = {"delivered": 204, "gone": 410}.get(verdict, 500)
        attempt = DeliveryAttempt(
            number=lease.number,
            at=self.now,
            seconds=seconds,
            status=status,
            error=None if verdict == "delivered" else "status",
        )
        given = {"rules": self.rules, "retry_in_seconds": None if verdict != "failed" else 5.0, **options}
        return self.outbox.settle(lease, attempt, verdict=verdict, **given)

    def fail(self, lease: DeliveryLease, **options: Any) -> Settled:
        return self.settle(lease, "failed", **options)

    def deliveries(self, job_id: str) -> list[Delivery]:
        return self.log.of_job(TENANT, job_id)

    def delivery(self, job_id: str) -> Delivery:
        [found] = self.deliveries(job_id)
        return self.log.find(TENANT, found.id)

    def all_keys(self) -> set[str]:
        found: Any = self.client.keys("frontier:*")
        return {key.decode() for key in found}


def body_of(lease: DeliveryLease) -> Any:
    return json.loads(lease.body)


@pytest.fixture
def settings() -> StoreSettings:
    return StoreSettings(deadline_seconds=30 * 86_400)


@pytest.fixture
def post(redis_url: str, settings: StoreSettings) -> Any:
    with TurnedClock.from_url(redis_url) as client:
        assert isinstance(client, TurnedClock)
        yield PostRoom(client, settings)

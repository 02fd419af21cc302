"""Webhooks of a deployment: who is to be told, and whether everybody was."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from jobs.webhooks.delivery import Delivery, DeliveryStatus
from jobs.webhooks.log import DeliveryLog
from scripts.patience import Patience
from scripts.transport import Call, Transport
from tests.system.books import Books
from tests.system.fleet import PATIENCE_SECONDS, TENANT, TOKEN, Fleet
from tests.system.history import Promise
from tests.system.receiver import Received, Receiver
from tests.system.worker_process import wait_for

ENDPOINTS = "/v1/webhook_endpoints"
SUCCEEDED = "job.succeeded"


@dataclass(kw_only=True)
class Endpoint:
    """A standing receiver, everywhere that it has been, and every secret of it that was shown."""

    id: str
    urls: list[str]
    secrets: list[str]


class Post:
    """Registers endpoints over HTTP, and compares the log of deliveries with the receiver's book."""

    def __init__(self, fleet: Fleet, receiver: Receiver, books: Books) -> None:
        self._fleet = fleet
        self._books = books
        self.receiver = receiver
        self._log = DeliveryLog(fleet.client)
        patience = Patience(seconds=PATIENCE_SECONDS, first_answer_seconds=PATIENCE_SECONDS, cap_seconds=0.5)
        self._transport = Transport(
            fleet.url, TOKEN, connections=1, patience=patience, pause=time.sleep, clock=time.monotonic, random=Random(1)
        )
        self._endpoints: list[Endpoint] = []
        rotation = self._ask("POST", "/v1/webhook_secret/rotate", {"keep_old_secret_active_for_24_hours": False})
        self.secret = self._learn(rotation)
        known = self._events(None)
        self._last_event: str | None = known[-1]["id"] if known else None

    def close(self) -> None:
        """Delete the endpoints, whatever waits for them, and close the books on the jobs."""
        for endpoint in list(self._endpoints):
            self.delete(endpoint)
        self._books.close()

    def hang_up(self) -> None:
        """End the connection to the API."""
        self._transport.close()

    def add(self, url: str) -> Endpoint:
        """An endpoint that hears of every job that succeeds."""
        made = self._ask("POST", ENDPOINTS, {"name": "e", "url": url, "event_types": [SUCCEEDED]})
        endpoint = Endpoint(id=made["id"], urls=[url], secrets=[self._learn(made)])
        self._endpoints.append(endpoint)
        return endpoint

    def move(self, endpoint: Endpoint, url: str) -> None:
        """What waits for it goes to another address."""
        self._ask("POST", f"{ENDPOINTS}/{endpoint.id}", {"url": url})
        endpoint.urls.append(url)

    def rotate(self, endpoint: Endpoint, *, keep_old: bool) -> None:
        """Have it sign with a new secret."""
        rotation = {"keep_old_secret_active_for_24_hours": keep_old}
        endpoint.secrets.append(self._learn(self._ask("POST", f"{ENDPOINTS}/{endpoint.id}/rotate_secret", rotation)))

    def enable(self, endpoint: Endpoint) -> None:
        self._ask("POST", f"{ENDPOINTS}/{endpoint.id}/enable")

    def replay(self, delivery: Delivery) -> None:
        self._ask("POST", f"/v1/deliveries/{delivery.id}/replay")

    def state(self, endpoint: Endpoint) -> dict[str, Any]:
        return self._ask("GET", f"{ENDPOINTS}/{endpoint.id}")

    def delete(self, endpoint: Endpoint) -> None:
        self._ask("DELETE", f"{ENDPOINTS}/{endpoint.id}")
        self._endpoints.remove(endpoint)

    def deliveries(self, promises: Sequence[Promise], endpoint: Endpoint | None = None) -> list[Delivery]:
        """To an endpoint, or to the jobs' own webhooks, each with all its attempts."""
        return [found for promise in promises for found in self._of_job(promise, endpoint)]

    def wait_until_over(
        self, promises: Sequence[Promise], endpoint: Endpoint | None = None, *, meanwhile: Callable[[], object] = list
    ) -> list[Delivery]:
        """The deliveries once there is one for each job and none is pending; *meanwhile* is called at each look."""
        waiting = list(promises)

        def are_over() -> bool:
            meanwhile()
            while waiting and self._is_over(waiting[-1], endpoint):
                waiting.pop()
            return not waiting

        wait_for(are_over, PATIENCE_SECONDS, tell=lambda: self._tell(promises, endpoint))
        return self.deliveries(promises, endpoint)

    def check(self, promises: Sequence[Promise], endpoint: Endpoint | None = None) -> list[Delivery]:
        """Wait until each job was told of, once by the log and at least once by the book; the deliveries.

        Every request must verify, and all of one event be the same but for their signatures.
        """
        deliveries = self.wait_until_over(promises, endpoint)
        assert Counter(one.subject for one in deliveries) == Counter(promise.job_id for promise in promises)
        assert {one.status for one in deliveries} == {DeliveryStatus.DELIVERED}, self._tell(promises, endpoint)
        listed = self._events(self._last_event)
        events = {event["data"]["id"]: event for event in listed}
        assert len(events) == len(listed), "a job has ended twice"
        book: dict[str, list[Received]] = defaultdict(list)
        for one in self.receiver.received():
            book[one.event_id].append(one)
        for delivery in deliveries:
            urls = endpoint.urls if endpoint else [delivery.url]
            came = [one for one in book[delivery.event_id] if any(url.endswith(one.path) for url in urls)]
            self._check_letters(delivery, came, endpoint.secrets if endpoint else [self.secret])
            self._check_told(delivery, came[0], events[delivery.subject])
        return deliveries

    @staticmethod
    def _check_letters(delivery: Delivery, came: Sequence[Received], secrets: Sequence[str]) -> None:
        assert 1 <= len(came) <= delivery.attempt_count, (delivery, came)
        assert all(set(secrets) & set(one.signed_with) for one in came), (delivery, came)
        assert len({one.body for one in came}) == 1, (delivery, came)
        assert delivery.attempts[-1].error is None, delivery
        assert all(one.error is not None for one in delivery.attempts[:-1]), delivery

    def _check_told(self, delivery: Delivery, came: Received, event: dict[str, Any]) -> None:
        """What came is what `GET /v1/events` lists, and the job's result if that was asked for."""
        told = came.event
        result = told["data"].pop("result", None)
        assert told == event, delivery
        assert (told["id"], told["type"]) == (delivery.event_id, SUCCEEDED)
        job = self._fleet.store.find(TENANT, delivery.subject)
        asked = delivery.endpoint_id is None and job.webhook is not None and job.webhook.include_result
        assert (result and result["text"]) == (job.text if asked else None), delivery

    def _is_over(self, promise: Promise, endpoint: Endpoint | None) -> bool:
        return any(one.status is not DeliveryStatus.PENDING for one in self._of_job(promise, endpoint))

    def _of_job(self, promise: Promise, endpoint: Endpoint | None) -> list[Delivery]:
        endpoint_id = endpoint and endpoint.id
        found = self._log.of_job(TENANT, promise.job_id)
        return [self._log.find(TENANT, one.id) for one in found if one.endpoint_id == endpoint_id]

    def _events(self, after: str | None) -> list[dict[str, Any]]:
        """All that came after an event, in their order."""
        events: list[dict[str, Any]] = []
        while True:
            page = self._ask("GET", "/v1/events", query={"limit": "100"} | ({"after": after} if after else {}))
            events += page["data"]
            if not page["has_more"]:
                return events
            after = page["last_id"]

    def _learn(self, shown: dict[str, Any]) -> str:
        secret: str = shown["signing_secret"]
        self.receiver.learn(secret)
        return secret

    def _ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, query: dict[str, str] | None = None
    ) -> dict[str, Any]:
        answer: dict[str, Any] = self._transport.send(Call(method=method, path=path, json=body, query=query)).json()
        return answer

    def _tell(self, promises: Sequence[Promise], endpoint: Endpoint | None) -> str:
        found = self.deliveries(promises, endpoint)
        open_ = "\n".join(str(one) for one in found if one.status is not DeliveryStatus.DELIVERED)
        return f"{len(found)} deliveries of {len(promises)} jobs, not delivered:\n{open_}\n{self._fleet.words()}"

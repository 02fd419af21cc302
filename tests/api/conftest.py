"""A real application on a real store; jobs are driven by the store, as a worker drives them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from redis import Redis

from api.app import create_app
from api.limit_settings import NO_LIMITS
from api.process import ApiProcess
from jobs.answers import Skipped, Wait
from jobs.job import AttemptError, JobState, Outcome, Timing, Usage
from jobs.lease import Lease
from jobs.store import JobStore
from jobs.webhooks.delivery import DeliveryAttempt, DeliveryLease
from jobs.webhooks.outbox import Outbox, Verdict
from jobs.webhooks.receivers import ReceiverRules
from jobs.webhooks.sealing import new_key

TOKEN = "a-key-for-tests"
SECRET_KEY = new_key()
RECEIVER = "http://127.0.0.1:9/hook"
"""Allowed here, and nobody listens there: it is looked at and never asked."""

MODELS = """
models:
  poet:
    engine: scripted
    limits: {max_tokens: 100, max_prompt_chars: 50, max_waiting: 5}
  clerk:
    engine: scripted
aliases:
  gpt-4o: poet
"""


def made(**outcome: Any) -> Outcome:
    """What a job comes to, unless something else is said of it."""
    usual: dict[str, Any] = {
        "state": JobState.SUCCEEDED,
        "text": "Who knocks?",
        "finish_reason": "stop",
        "usage": Usage(prompt_tokens=3, completion_tokens=4, engine_seconds=0.5),
        "timing": Timing(ttft_seconds=0.1, tpot_seconds=0.02, attempt_seconds=0.6),
    }
    return Outcome(**usual | outcome)


class Worker:
    """Runs jobs by hand, as the worker of their model."""

    failed = Outcome(state=JobState.FAILED, error=AttemptError(code="engine_error", message="The engine failed."))

    def __init__(self, store: JobStore) -> None:
        self.store = store

    def join(self, *, slots: int = 4, model: str = "poet") -> None:
        self.store.heartbeat("w1", model=model, slots=slots, instance="i1")

    def claim(self, job_id: str, *, model: str = "poet") -> Lease:
        lease = self.try_claim(job_id, model=model)
        assert isinstance(lease, Lease)
        return lease

    def try_claim(self, job_id: str, *, model: str) -> Lease | Wait | Skipped:
        self.join(model=model)
        self.store.dispatch(model)
        return self.store.claim(job_id, model=model, worker="w1", claim_id=uuid4().hex, can_continue=False)

    def finish(self, lease: Lease, text: str | None = "Who knocks?", **outcome: Any) -> None:
        assert self.store.finish(lease, made(text=text, **outcome)) == "ok"

    def give_up(self, job_id: str) -> None:
        """Have its attempts fail until none is left, without the waits between them."""
        while not self.store.find("default", job_id).is_final:
            assert self.store.finish(self.claim(job_id), self.failed, retry_after_seconds=0) == "ok"
            self.store.sweep()

    def run(self, job_id: str, text: str | None = "Who knocks?", *, model: str = "poet", **outcome: Any) -> None:
        self.finish(self.claim(job_id, model=model), text, **outcome)


class Sender:
    """Sends deliveries by hand: the attempts are made up, and recorded as a webhook worker records its own."""

    def __init__(self, client: Redis) -> None:
        self.outbox = Outbox(client)
        self.rules = ReceiverRules()

    def leases(self) -> list[DeliveryLease]:
        """The right to attempt all that is due."""
        self.outbox.beat("s1", slots=8, instance="i1")
        return [self._claim(*announced) for announced in self.outbox.announce(self.rules)]

    def settle(self, lease: DeliveryLease, status: int | None = 204, error: str | None = None) -> None:
        attempt = DeliveryAttempt(
            number=lease.number, at=1_795_384_800.0, seconds=0.25, status=status, error=error, snippet="so it goes"
        )
        verdict: Verdict = "failed" if error else "delivered"
        self.outbox.settle(lease, attempt, rules=self.rules, verdict=verdict, retry_in_seconds=None)

    def send(self, status: int | None = 204, error: str | None = None) -> list[DeliveryLease]:
        """Attempt all that is due, each for the last time."""
        leases = self.leases()
        for lease in leases:
            self.settle(lease, status, error)
        return leases

    def _claim(self, tenant: str, delivery_id: str) -> DeliveryLease:
        lease = self.outbox.claim(tenant, delivery_id, sender="s1", claim_id=uuid4().hex, lease_seconds=60)
        assert isinstance(lease, DeliveryLease)
        return lease


class Api:
    """A client with a key, by default the operator's."""

    def __init__(self, client: FlaskClient, key: str = TOKEN) -> None:
        self.client = client
        self.key = key

    def send(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.key}", **options.pop("headers", {})}
        return self.client.open(path, method=method, headers=headers, **options)

    def get(self, path: str, **headers: str) -> Any:
        return self.send("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send("POST", path, json=body, headers=named)

    def of(self, tenant: str, *scopes: str) -> Api:
        """The client of a tenant, with a new key that has these scopes, by default all but admin."""
        body = {"tenant": tenant, "scopes": scopes or ["jobs:write", "jobs:read", "webhooks:manage"]}
        return Api(self.client, self.post("/v1/admin/keys", body).json["key"])

    def endpoint(self, *event_types: str, **given: Any) -> Any:
        body = {"name": "orders", "url": RECEIVER, "event_types": event_types or ["job.succeeded"]}
        response = self.post("/v1/webhook_endpoints", body | given)
        assert response.status_code == 200, response.text
        return response.json

    def submit(self, prompt: str = "Hark!", **body: Any) -> str:
        response = self.post("/v1/jobs", {"input": {"prompt": prompt}, **body})
        assert response.status_code == 202, response.text
        return str(response.json["id"])


@pytest.fixture(scope="session")
def catalog_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "models.yaml"
    path.write_text(MODELS)
    return path


@pytest.fixture(scope="session")
def make_process(redis_server: str, catalog_file: Path) -> Iterator[Callable[..., ApiProcess]]:
    made: list[ApiProcess] = []

    def make(env: Mapping[str, str] | None = None) -> ApiProcess:
        usual = {
            "TRUTHGPT_API_TOKEN": TOKEN,
            "REDIS_URL": redis_server,
            "TRUTHGPT_CONFIG": str(catalog_file),
            "FRONTIER_SECRET_KEY": SECRET_KEY,
            "WEBHOOK_ALLOW_CIDRS": "127.0.0.0/8",
            "FILES_URL": "memory://files",
            **NO_LIMITS,
        }
        made.append(create_app(usual | dict(env or {})))
        return made[-1]

    yield make
    for process in made:
        process.stop()


@pytest.fixture(scope="session")
def shared_process(make_process: Callable[..., ApiProcess]) -> ApiProcess:
    return make_process()


@pytest.fixture
def process(shared_process: ApiProcess, redis_url: str) -> ApiProcess:
    """The application over an empty database; made once, since it holds nothing of what it is asked."""
    del redis_url
    return shared_process


@pytest.fixture
def api(process: ApiProcess) -> Api:
    return Api(process.test_client())


@pytest.fixture
def store(redis_client: Redis) -> JobStore:
    return JobStore(redis_client)


@pytest.fixture
def worker(store: JobStore) -> Worker:
    return Worker(store)


@pytest.fixture
def sender(redis_client: Redis) -> Sender:
    return Sender(redis_client)

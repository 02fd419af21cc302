"""The webhook that comes along with a job."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from api.process import ApiProcess
from jobs.job import JobState
from jobs.store import JobStore
from jobs.webhooks.event import JOB_EVENTS
from jobs.webhooks.webhook import JobWebhook
from tests.api.conftest import RECEIVER, Api, Sender, Worker

BODY = {"input": {"prompt": "Hark!"}, "webhook": {"url": RECEIVER}}
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def webhook_of(api: Api, job_id: str) -> Any:
    return api.get(f"/v1/jobs/{job_id}").json["webhook"]


def test_a_webhook_hears_of_every_end_unless_it_says_otherwise(api: Api, store: JobStore) -> None:
    job = store.find("default", api.submit(webhook={"url": RECEIVER}))

    assert job.webhook == JobWebhook(url=RECEIVER, origin="http://127.0.0.1:9", events=JOB_EVENTS)


def test_short_names_of_events_are_taken_for_the_long_ones(api: Api, store: JobStore) -> None:
    asked = {"url": RECEIVER, "events": ["failed", "job.expired"], "include": ["result"]}

    job = store.find("default", api.submit(webhook=asked))

    assert job.webhook is not None
    assert job.webhook.events == ("job.failed", "job.expired")
    assert job.webhook.include_result


def test_the_job_tells_how_far_its_webhook_has_got(api: Api, worker: Worker, sender: Sender) -> None:
    job_id = api.submit(webhook={"url": RECEIVER})
    assert webhook_of(api, job_id) == {"url": RECEIVER, "status": "waiting", "attempts": 0}

    worker.run(job_id)
    assert webhook_of(api, job_id) == {"url": RECEIVER, "status": "pending", "attempts": 0}

    (lease,) = sender.leases()
    sender.settle(lease)
    told = webhook_of(api, job_id)
    assert told.pop("last_attempt_at") == "2026-11-22T22:00:00.000Z"
    assert told == {"url": RECEIVER, "status": "delivered", "attempts": 1}
    assert json.loads(lease.body)["data"] == {"id": job_id, "object": "job", "model": "poet", "status": "succeeded"}


def test_a_job_without_a_webhook_says_nothing_of_one(api: Api) -> None:
    job = api.get(f"/v1/jobs/{api.submit()}").json

    assert "webhook" not in job
    assert job["links"]["deliveries"] == f"/v1/jobs/{job['id']}/deliveries"


def test_an_end_that_the_webhook_did_not_ask_for_is_not_told(api: Api, worker: Worker, sender: Sender) -> None:
    job_id = api.submit(webhook={"url": RECEIVER, "events": ["failed"]})
    worker.run(job_id)

    assert webhook_of(api, job_id)["status"] == "not_subscribed"
    assert sender.leases() == []


def test_what_was_asked_for_may_carry_the_result(api: Api, worker: Worker, sender: Sender) -> None:
    job_id = api.submit(webhook={"url": RECEIVER, "include": ["result"]})
    worker.run(job_id)

    (lease,) = sender.leases()

    assert json.loads(lease.body)["data"]["result"]["text"] == "Who knocks?"


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/infer"])
def test_the_trace_of_the_request_is_kept_with_the_job(
    api: Api, store: JobStore, redis_client: Redis, path: str
) -> None:
    body = {"input": {"prompt": "Hark!"}} if path == "/v1/jobs" else {"prompt": "Hark!"}

    job_id = api.post(path, body, traceparent=TRACE, Prefer="wait=0").json["id"]

    assert redis_client.hget(store.keys.tenant("default", "job", job_id), "trace") == TRACE.encode()


def test_the_trace_of_the_submit_goes_with_the_jobs_own_webhook(api: Api, store: JobStore, sender: Sender) -> None:
    store.cancel("default", api.post("/v1/jobs", BODY, traceparent=TRACE).json["id"])

    assert [lease.traceparent for lease in sender.leases()] == [TRACE]


@pytest.mark.parametrize("given", ["", "nonsense", TRACE.upper(), f"{TRACE}-more", TRACE.replace("00-4", "ff-4")])
def test_a_trace_that_cannot_be_read_is_ignored(api: Api, store: JobStore, sender: Sender, given: str) -> None:
    store.cancel("default", api.post("/v1/jobs", BODY, traceparent=given).json["id"])

    assert [lease.traceparent for lease in sender.leases()] == [None]


FORBIDDEN = [
    "https://127.0.0.1/hook",
    "https://10.0.0.8/hook",
    "https://169.254.169.254/latest/meta-data",
    "https://[::1]/hook",
    "https://[fd00::1]:8443/hook",
    "https://2130706433/hook",
    "http://8.8.8.8/hook",
    "https://8.8.8.8/hook",
    "https://localhost/hook",
    "https://redis.svc/hook",
    "https://no-such-name.invalid/hook",
    "https://user@example.com/hook",
    "ftp://example.com/hook",
    "https://example.com/hook#part",
    "example.com",
]


@pytest.mark.parametrize("url", FORBIDDEN)
def test_a_url_that_must_not_be_asked_is_refused_without_the_reason(
    make_process: Callable[..., ApiProcess], redis_client: Redis, url: str
) -> None:
    api = Api(make_process(env={"WEBHOOK_ALLOW_CIDRS": ""}).test_client())

    refused = [
        api.post("/v1/jobs", BODY | {"webhook": {"url": url}}),
        api.post("/v1/webhook_endpoints", {"name": "n", "url": url, "event_types": ["job.failed"]}),
    ]

    for field, response in zip(("webhook.url", "url"), refused, strict=True):
        assert (response.status_code, response.json["type"]) == (422, "/problems/url-not-allowed")
        assert response.json["error"]["code"] == "url_not_allowed"
        assert response.json["errors"] == [
            {"field": field, "message": "is not allowed; give an https URL whose host is public"}
        ]
    assert redis_client.dbsize() == 0


def test_operators_find_the_reason_in_the_log(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    api.post("/v1/jobs", BODY | {"webhook": {"url": "https://10.0.0.8/"}})

    (record,) = [record for record in caplog.records if record.message == "webhook_url_refused"]
    assert "10.0.0.8 is no public address" in record.__dict__["reason"]


def test_without_a_key_to_seal_with_no_webhook_is_taken(
    make_process: Callable[..., ApiProcess], redis_client: Redis
) -> None:
    api = Api(make_process(env={"FRONTIER_SECRET_KEY": ""}).test_client())

    refused = [
        api.post("/v1/jobs", BODY),
        api.post("/v1/webhook_secret/rotate"),
        api.post("/v1/webhook_endpoints", {"name": "n", "url": RECEIVER, "event_types": ["job.failed"]}),
    ]

    for response in refused:
        assert (response.status_code, response.json["type"]) == (503, "/problems/no-secret-key")
        assert "FRONTIER_SECRET_KEY" in response.json["detail"]
        assert response.json["retryable"] is False
        assert response.headers["x-should-retry"] == "false"
    assert redis_client.dbsize() == 0
    assert api.post("/v1/jobs", {"input": {"prompt": "Hark!"}}).status_code == 202


def test_a_repeated_submit_must_name_the_same_webhook(api: Api) -> None:
    first = api.post("/v1/jobs", BODY, Idempotency_Key="k")
    again = api.post("/v1/jobs", BODY, Idempotency_Key="k")
    other = api.post("/v1/jobs", BODY | {"webhook": {"url": f"{RECEIVER}s"}}, Idempotency_Key="k")

    assert again.json["id"] == first.json["id"]
    assert other.json["type"] == "/problems/idempotency-mismatch"


def test_a_requeued_job_brings_its_webhook_along(api: Api, store: JobStore) -> None:
    job_id = api.submit(webhook={"url": RECEIVER})
    store.cancel("default", job_id)

    requeued = api.post(f"/v1/jobs/{job_id}/requeue").json

    assert requeued["webhook"]["status"] == "waiting"
    assert store.find("default", job_id).state is JobState.CANCELLED

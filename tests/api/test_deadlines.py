"""What would not be done in time is refused at submit, as far as the live rate tells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis import Redis

from tests.api.conftest import Api, Worker


def submit(api: Api, headers: dict[str, str] | None = None, **given: Any) -> Any:
    body = {"input": {"prompt": "Hark!"}, "params": {"max_tokens": 16}, **given}
    return api.send("POST", "/v1/jobs", json=body, headers=headers or {})


def in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


@pytest.fixture
def busy(api: Api, worker: Worker, redis_client: Redis) -> Api:
    """One slot, on which a job is; each takes a minute, and two wait."""
    worker.join(slots=1)
    redis_client.hset("frontier:m:poet:pace", mapping={"job_ms": 60_000, "job_tokens": 17})
    jobs = [submit(api).json["id"] for _ in range(3)]
    worker.store.dispatch("poet")
    worker.store.claim(jobs[0], model="poet", worker="w1", claim_id="c", can_continue=True)
    return api


def test_a_start_that_cannot_be_kept_is_refused_and_nothing_is_stored(busy: Api) -> None:
    refused = submit(busy, start_within_s=100)
    assert (refused.status_code, refused.json["type"]) == (422, "/problems/deadline-unmeetable")
    assert refused.json["errors"][0]["field"] == "start_within_s"
    assert refused.json["detail"] == "start_within_s: is 100; the job would start in about 180 s"
    assert refused.json["retryable"] is True
    assert len(busy.get("/v1/jobs").json["data"]) == 3
    assert submit(busy, start_within_s=200).status_code == 202


def test_a_deadline_counts_the_run_too(busy: Api) -> None:
    refused = submit(busy, deadline=in_seconds(200))
    assert (refused.status_code, refused.json["errors"][0]["field"]) == (422, "deadline")
    assert "about 240 s" in refused.json["detail"]
    assert submit(busy, deadline=in_seconds(260)).status_code == 202


def test_a_job_that_costs_less_than_usual_is_taken_to_run_for_less(busy: Api) -> None:
    short = submit(busy, deadline=in_seconds(200), params={"max_tokens": 1})
    assert short.status_code == 202


def test_a_job_of_higher_priority_has_less_before_it(busy: Api) -> None:
    for _ in range(2):
        submit(busy)
    assert submit(busy, start_within_s=200).status_code == 422
    assert submit(busy, start_within_s=200, priority="interactive").status_code == 202


def test_without_an_estimate_it_is_taken(api: Api, worker: Worker, redis_client: Redis) -> None:
    assert submit(api, start_within_s=1).status_code == 202
    worker.join(slots=1)
    assert submit(api, start_within_s=1).status_code == 202
    redis_client.hset("frontier:m:poet:pace", mapping={"job_ms": 60_000, "job_tokens": 17})
    assert submit(api, start_within_s=1).status_code == 422
    worker.store.set_mode("poet", "paused")
    assert submit(api, start_within_s=1).status_code == 202


def test_who_asks_for_what_runs_already_is_taken(api: Api, worker: Worker, redis_client: Redis) -> None:
    worker.join(slots=1)
    same: dict[str, Any] = {"params": {"max_tokens": 16, "temperature": 0}}
    leader = submit(api, **same).json["id"]
    redis_client.hset("frontier:m:poet:pace", mapping={"job_ms": 60_000, "job_tokens": 17})
    assert submit(api, start_within_s=1, **same).status_code == 422, "it would wait with the other one"
    worker.store.dispatch("poet")
    worker.store.claim(leader, model="poet", worker="w1", claim_id="c", can_continue=True)
    assert submit(api, start_within_s=1).status_code == 422
    follower = submit(api, start_within_s=1, **same)
    assert (follower.status_code, follower.json["follows"]) == (202, leader)
    worker.store.cancel("default", leader)
    assert submit(api, start_within_s=1, **same).status_code == 422


def test_a_repeat_finds_its_job_though_it_could_not_be_kept_now(busy: Api) -> None:
    given: dict[str, Any] = {"start_within_s": 200, "headers": {"Idempotency-Key": "once"}}
    first = submit(busy, **given)
    for _ in range(2):
        submit(busy)
    assert submit(busy, start_within_s=200).status_code == 422
    again = submit(busy, **given)
    assert (again.status_code, again.json["id"]) == (202, first.json["id"])

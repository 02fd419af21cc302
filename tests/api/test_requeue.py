from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from redis import Redis

from api.process import ApiProcess
from jobs.keys import ref
from jobs.new_job import NewJob
from tests.api.conftest import Api, Worker


def gave_up(api: Api, worker: Worker, **body: Any) -> str:
    job_id = api.submit(**body)
    worker.give_up(job_id)
    return job_id


def ids(response: Any) -> list[str]:
    return [job["id"] for job in response.json["data"]]


def test_dead_letters_are_listed_newest_death_first_page_by_page(api: Api, worker: Worker, redis_client: Redis) -> None:
    jobs = [gave_up(api, worker) for _ in range(3)]
    redis_client.zadd(worker.store.keys.owned("default", "dead"), dict(zip(jobs, (2000, 1000, 3000), strict=True)))

    page = api.get("/v1/dead-letters?limit=2")
    rest = api.get(page.headers["Link"].removeprefix("<").split(">")[0])

    assert [ids(page), ids(rest)] == [[jobs[2], jobs[0]], [jobs[1]]]
    assert page.json["object"] == "list"
    assert (page.json["has_more"], rest.json["has_more"]) == (True, False)
    assert page.headers["Link"] == f'</v1/dead-letters?limit=2&cursor={page.json["next_cursor"]}>; rel="next"'
    assert "Link" not in rest.headers
    assert rest.json["next_cursor"] is None
    assert page.json["data"][0]["error"]["error"]["code"] == "engine_error"


def test_dead_letters_are_those_that_gave_up_alone(api: Api, worker: Worker) -> None:
    cancelled, done = api.submit(), api.submit()
    api.post(f"/v1/jobs/{cancelled}/cancel")
    worker.run(done)
    job_id = gave_up(api, worker)

    assert ids(api.get("/v1/dead-letters")) == [job_id]
    assert ids(api.get("/v1/dead-letters?model=gpt-4o")) == [job_id]
    assert ids(api.get("/v1/dead-letters?model=clerk")) == []


def test_another_tenant_s_dead_letters_are_not_seen_and_not_requeued(api: Api, worker: Worker) -> None:
    mine = worker.store.find("default", api.submit())
    other = NewJob(id="job_" + "x" * 22, tenant="other", request=mine.request, max_attempts=1)
    worker.store.accept(other)
    worker.give_up(mine.id)
    lease = worker.claim(other.id)
    worker.store.finish(lease, worker.failed, retry_after_seconds=0)

    assert [job.id for job in worker.store.dead_letters("other").jobs] == [other.id]
    assert ids(api.get("/v1/dead-letters")) == [mine.id]
    assert api.post(f"/v1/jobs/{other.id}/requeue").json["type"] == "/problems/job-not-found"


def test_a_requeue_answers_202_with_the_new_job(api: Api, worker: Worker) -> None:
    old_id = gave_up(api, worker, metadata={"order": "42"}, params={"seed": 7})

    response = api.post(f"/v1/jobs/{old_id}/requeue")

    assert response.status_code == 202
    new = response.json
    assert (new["status"], new["requeued_from"], new["metadata"]) == ("queued", old_id, {"order": "42"})
    assert response.headers["Location"] == f"/v1/jobs/{new['id']}" != f"/v1/jobs/{old_id}"
    assert response.headers["ETag"] == 'W/"1"'
    assert "Retry-After" in response.headers
    assert "Idempotency-Replayed" not in response.headers
    old = api.get(f"/v1/jobs/{old_id}").json
    assert (old["status"], old["requeued_as"]) == ("failed", new["id"])
    assert ids(api.get("/v1/dead-letters")) == []
    assert worker.store.find("default", new["id"]).request == worker.store.find("default", old_id).request


def test_whoever_knew_the_old_job_learns_of_its_requeue(api: Api, worker: Worker) -> None:
    old_id = gave_up(api, worker)
    known = api.get(f"/v1/jobs/{old_id}").headers["ETag"]
    api.post(f"/v1/jobs/{old_id}/requeue")

    assert api.get(f"/v1/jobs/{old_id}", If_None_Match=known).status_code == 200


def test_a_repeated_requeue_answers_with_the_same_job(api: Api, worker: Worker) -> None:
    old_id = gave_up(api, worker)
    first, again = (api.post(f"/v1/jobs/{old_id}/requeue") for _ in range(2))
    worker.run(first.json["id"])
    late = api.post(f"/v1/jobs/{old_id}/requeue")

    assert (again.status_code, late.status_code) == (202, 200)
    for response in (again, late):
        assert response.json["id"] == first.json["id"]
        assert response.headers["Idempotency-Replayed"] == "true"
        assert response.headers["Location"] == first.headers["Location"]


def test_of_many_requeues_at_once_one_makes_the_job(process: ApiProcess, api: Api, worker: Worker) -> None:
    old_id = gave_up(api, worker)

    with ThreadPoolExecutor(8) as threads:
        clients = [Api(process.test_client()) for _ in range(24)]
        answers = list(threads.map(lambda client: client.post(f"/v1/jobs/{old_id}/requeue"), clients))

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json["id"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1


def test_what_cannot_be_requeued_is_told_why(api: Api, worker: Worker, redis_client: Redis) -> None:
    done, queued, foreign, expired = (api.submit() for _ in range(4))
    worker.run(done)
    for job_id in (foreign, expired):
        api.post(f"/v1/jobs/{job_id}/cancel")
    redis_client.hset(worker.store.keys.tenant("default", "job", foreign), "model", "oracle")
    redis_client.zadd(worker.store.keys.name("retire"), {ref("default", expired): 0})
    worker.store.sweep()
    unknown = "job_" + "0" * 22

    told = {job_id: api.post(f"/v1/jobs/{job_id}/requeue") for job_id in (done, queued, foreign, expired, unknown, "x")}

    assert {job_id: (answer.status_code, answer.json["error"]["code"]) for job_id, answer in told.items()} == {
        done: (409, "job_succeeded"),
        queued: (409, "job_not_final"),
        foreign: (404, "model_not_found"),
        expired: (410, "result_expired"),
        unknown: (404, "job_not_found"),
        "x": (404, "job_not_found"),
    }
    assert "oracle" in told[foreign].json["detail"]
    assert {told[job_id].headers["x-should-retry"] for job_id in (done, queued)} == {"false"}


def test_a_requeue_into_a_full_queue_is_429_and_the_dead_letter_stays(api: Api, worker: Worker) -> None:
    old_id = gave_up(api, worker)
    worker.store.leave("w1", model="poet")
    for _ in range(5):
        api.submit()

    response = api.post(f"/v1/jobs/{old_id}/requeue")

    assert (response.status_code, response.json["error"]["code"]) == (429, "queue_full")
    assert response.headers["Retry-After"] == "10"
    assert ids(api.get("/v1/dead-letters")) == [old_id]


def test_a_requeue_without_memory_left_is_503(api: Api, worker: Worker, redis_client: Redis) -> None:
    old_id = gave_up(api, worker)
    redis_client.config_set("maxmemory", 1)
    try:
        response = api.post(f"/v1/jobs/{old_id}/requeue")
    finally:
        redis_client.config_set("maxmemory", 0)

    assert (response.status_code, response.json["error"]["code"]) == (503, "storage_full")
    assert ids(api.get("/v1/dead-letters")) == [old_id]


def test_an_expired_record_of_a_job_is_410_for_every_wish(api: Api, worker: Worker, redis_client: Redis) -> None:
    job_id = api.submit()
    api.post(f"/v1/jobs/{job_id}/cancel")
    redis_client.zadd(worker.store.keys.name("retire"), {ref("default", job_id): 0})
    worker.store.sweep()

    for method, tail in [("POST", "/cancel"), ("POST", "/requeue"), ("DELETE", "")]:
        assert api.send(method, f"/v1/jobs/{job_id}{tail}").status_code == 410


@pytest.mark.parametrize(("method", "tail"), [("POST", "/cancel"), ("POST", "/requeue"), ("DELETE", "")])
def test_a_job_of_a_newer_release_is_503_until_servers_are_alike(
    api: Api, worker: Worker, redis_client: Redis, method: str, tail: str
) -> None:
    job_id = api.submit()
    api.post(f"/v1/jobs/{job_id}/cancel")
    redis_client.hset(worker.store.keys.tenant("default", "job", job_id), "schema", 99)

    response = api.send(method, f"/v1/jobs/{job_id}{tail}")

    assert (response.status_code, response.json["error"]["code"]) == (503, "newer_record")
    assert (response.json["retryable"], response.headers["Retry-After"]) == (True, "5")

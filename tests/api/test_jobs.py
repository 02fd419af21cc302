from __future__ import annotations

from typing import Any

import pytest
from redis import Redis

from jobs.job import AttemptError, JobState
from tests.api.conftest import Api, Worker


def test_a_submitted_job_is_accepted_with_its_address_and_when_to_ask_again(api: Api) -> None:
    response = api.post("/v1/jobs", {"input": {"prompt": "Hark!"}, "metadata": {"order": "42"}})

    assert response.status_code == 202
    assert response.headers["Location"] == f"/v1/jobs/{response.json['id']}"
    assert 1 <= int(response.headers["Retry-After"]) <= 120
    assert response.headers["ETag"] == 'W/"1"'
    assert response.json["status"] == "queued"
    assert response.json["type"] == "completion"
    assert response.json["model"] == "poet"
    assert response.json["metadata"] == {"order": "42"}
    assert response.json["queue"] == {"position": 0, "tokens_ahead": 0, "eta_s": None}


def test_messages_make_a_chat_completion(api: Api) -> None:
    response = api.post("/v1/jobs", {"model": "gpt-4o", "input": {"messages": [{"role": "user", "content": "Hark!"}]}})

    assert response.json["type"] == "chat.completion"
    assert response.json["model"] == "poet"


def test_a_seed_is_drawn_for_a_job_that_has_none(api: Api, worker: Worker) -> None:
    first, second = (worker.store.find("default", api.submit()).request.params.seed for _ in range(2))

    assert first != second


def test_max_tokens_defaults_to_what_the_model_allows(api: Api, worker: Worker) -> None:
    assert worker.store.find("default", api.submit()).request.params.max_tokens == 100
    assert worker.store.find("default", api.submit(model="clerk")).request.params.max_tokens == 256


def test_everything_asked_for_is_recorded(api: Api, worker: Worker) -> None:
    params = {"max_tokens": 7.0, "temperature": 0, "top_p": 0.5, "top_k": 3, "seed": 2**53, "stop": ["\n", "."]}
    job_id = api.submit(params=params, timeout_s=5, retention_s=60, deadline="2100-01-01T00:00:00+01:00")

    job = worker.store.find("default", job_id)

    assert job.request.params.stop == ("\n", ".")
    assert (job.request.params.max_tokens, job.request.params.seed) == (7, 2**53)
    assert (job.timeout_seconds, job.retention_seconds, job.deadline_at) == (5, 60, 4102441200)


def test_the_same_key_and_body_find_the_same_job(api: Api) -> None:
    body = {"input": {"prompt": "Hark!"}}
    first = api.post("/v1/jobs", body, Idempotency_Key='"order-42"')
    again = api.post("/v1/jobs", body, Idempotency_Key="order-42")

    assert again.status_code == 202
    assert again.json["id"] == first.json["id"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers


def test_a_replay_of_a_job_that_is_final_answers_200(api: Api, worker: Worker) -> None:
    body = {"input": {"prompt": "Hark!"}}
    worker.run(api.post("/v1/jobs", body, Idempotency_Key="order-42").json["id"])

    assert api.post("/v1/jobs", body, Idempotency_Key="order-42").status_code == 200


def test_the_same_key_with_another_body_is_refused(api: Api) -> None:
    first = api.post("/v1/jobs", {"input": {"prompt": "Hark!"}}, Idempotency_Key="order-42")
    other = api.post("/v1/jobs", {"input": {"prompt": "Who knocks?"}}, Idempotency_Key="order-42")

    assert other.status_code == 422
    assert other.json["type"] == "/problems/idempotency-mismatch"
    assert other.json["errors"][0]["field"] == "Idempotency-Key"
    assert first.json["id"] in other.json["detail"]


def test_a_full_queue_is_429_and_says_when_to_come_back(api: Api) -> None:
    for _ in range(5):
        api.submit()

    response = api.post("/v1/jobs", {"input": {"prompt": "Hark!"}})

    assert response.status_code == 429
    assert response.json["retryable"] is True
    assert response.headers["Retry-After"] == "10"


def test_waiting_for_a_job_that_takes_longer_answers_202(api: Api) -> None:
    response = api.post("/v1/jobs", {"input": {"prompt": "Hark!"}}, Prefer="wait=1")

    assert response.status_code == 202
    assert response.headers["Preference-Applied"] == "wait=1"


def test_a_final_job_carries_its_result(api: Api, worker: Worker) -> None:
    job_id = api.submit()
    worker.run(job_id)

    response = api.get(f"/v1/jobs/{job_id}")

    assert response.status_code == 200
    assert response.json["status"] == "succeeded"
    assert response.json["result"] == {"text": "Who knocks?", "finish_reason": "stop"}
    assert "queue" not in response.json
    assert "Retry-After" not in response.headers


def test_a_result_above_64_kib_is_linked(api: Api, worker: Worker) -> None:
    job_id = api.submit()
    worker.run(job_id, "é" * 32_769)

    body = api.get(f"/v1/jobs/{job_id}").json

    assert "result" not in body
    assert api.get(body["result_url"]).json["text"] == "é" * 32_769


def test_a_version_that_the_client_knows_is_304(api: Api, worker: Worker) -> None:
    job_id = api.submit()
    tag = api.get(f"/v1/jobs/{job_id}").headers["ETag"]

    unchanged = api.get(f"/v1/jobs/{job_id}", If_None_Match=tag)
    worker.run(job_id)
    changed = api.get(f"/v1/jobs/{job_id}", If_None_Match=tag)

    assert (unchanged.status_code, unchanged.data, unchanged.headers["ETag"]) == (304, b"", tag)
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag


def test_the_result_is_202_until_there_is_one(api: Api, worker: Worker) -> None:
    job_id = api.submit()

    early = api.get(f"/v1/jobs/{job_id}/result")
    worker.run(job_id)
    late = api.get(f"/v1/jobs/{job_id}/result")

    assert early.status_code == 202
    assert (early.json["id"], early.json["status"]) == (job_id, "queued")
    assert "Retry-After" in early.headers
    assert late.status_code == 200
    assert late.json["text"] == "Who knocks?"
    assert late.json["usage"]["completion_tokens"] == 4


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (AttemptError(code="engine_error", message="The engine failed."), 500, "engine_error"),
        (AttemptError(code="timeout", message="The attempt ran for its limit of 5 s."), 504, "timeout"),
        (AttemptError(code="worker_lost", message="The worker was lost."), 500, "worker_lost"),
        (
            AttemptError(code="context_length_exceeded", message="Too long.", field="input"),
            422,
            "context_length_exceeded",
        ),
    ],
)
def test_the_result_of_a_failed_job_is_a_problem_that_no_retry_will_heal(
    api: Api, worker: Worker, error: AttemptError, status: int, code: str
) -> None:
    job_id = api.submit()
    worker.run(job_id, state=JobState.FAILED, text=None, finish_reason=None, error=error)

    response = api.get(f"/v1/jobs/{job_id}/result")

    assert response.status_code == status
    assert response.mimetype == "application/problem+json"
    assert response.json["error"]["code"] == code
    assert response.json["retryable"] is (code == "worker_lost")
    assert response.headers["x-should-retry"] == "false"
    assert api.get(f"/v1/jobs/{job_id}").json["error"] == response.json


def test_cancelling_a_queued_job_ends_it_and_may_be_repeated(api: Api) -> None:
    job_id = api.submit()

    first, second = (api.post(f"/v1/jobs/{job_id}/cancel") for _ in range(2))

    assert (first.status_code, first.json["status"]) == (200, "cancelled")
    assert (second.status_code, second.json["version"]) == (200, first.json["version"])
    assert api.get(f"/v1/jobs/{job_id}/result").status_code == 409
    assert api.get(f"/v1/jobs/{job_id}/result").headers["x-should-retry"] == "false"


def test_cancelling_a_running_job_asks_for_it(api: Api, worker: Worker) -> None:
    job_id = api.submit()
    worker.claim(job_id)

    response = api.post(f"/v1/jobs/{job_id}/cancel")

    assert (response.status_code, response.json["status"]) == (202, "running")
    assert "cancel_requested_at" in response.json


def test_only_a_final_job_can_be_erased(api: Api, redis_client: Redis) -> None:
    job_id = api.submit()

    refused = api.send("DELETE", f"/v1/jobs/{job_id}")
    api.post(f"/v1/jobs/{job_id}/cancel")
    erased = api.send("DELETE", f"/v1/jobs/{job_id}")

    assert (refused.status_code, refused.headers["x-should-retry"]) == (409, "false")
    assert (erased.status_code, erased.data) == (204, b"")
    assert api.get(f"/v1/jobs/{job_id}").status_code == 404
    assert not redis_client.keys(f"*{job_id}*")


@pytest.mark.parametrize("job_id", ["job_0000000000000000000000", "job_x", "nonsense", "..", "job_%00", "%ff"])
@pytest.mark.parametrize(("method", "tail"), [("GET", ""), ("GET", "/result"), ("POST", "/cancel"), ("DELETE", "")])
def test_every_unknown_job_gets_the_same_answer(api: Api, job_id: str, method: str, tail: str) -> None:
    response = api.send(method, f"/v1/jobs/{job_id}{tail}")

    assert response.status_code == 404
    assert response.json["detail"] == "No such job."


def test_another_tenants_job_is_as_unknown_as_any(api: Api, redis_client: Redis) -> None:
    job_id = api.submit()
    keys: Any = redis_client.keys("*t:default:*")
    for key in keys:
        redis_client.rename(key, key.replace(b"t:default:", b"t:other:"))

    assert api.get(f"/v1/jobs/{job_id}").json["detail"] == "No such job."
    assert api.get("/v1/jobs").json["data"] == []


def test_jobs_are_listed_newest_first_page_by_page(api: Api) -> None:
    ids = [api.submit() for _ in range(5)]

    first = api.get("/v1/jobs?limit=2&status=queued")
    second = api.get(f"/v1/jobs?limit=2&status=queued&cursor={first.json['next_cursor']}")
    third = api.get(f"/v1/jobs?limit=2&status=queued&cursor={second.json['next_cursor']}")

    pages = [[job["id"] for job in page.json["data"]] for page in (first, second, third)]
    assert pages == [[ids[4], ids[3]], [ids[2], ids[1]], [ids[0]]]
    assert [page.json["has_more"] for page in (first, second, third)] == [True, True, False]
    assert first.headers["Link"] == f'</v1/jobs?limit=2&status=queued&cursor={first.json["next_cursor"]}>; rel="next"'
    assert "Link" not in third.headers
    assert third.json["next_cursor"] is None


def test_jobs_are_found_by_state_model_and_metadata(api: Api, worker: Worker) -> None:
    plain = api.submit()
    tagged = api.submit(metadata={"order": "42", "shop": "a"})
    other = api.submit(model="clerk", metadata={"order": "42"})
    worker.run(plain)

    def found(query: str) -> list[str]:
        return [job["id"] for job in api.get(f"/v1/jobs?{query}").json["data"]]

    assert found("status=succeeded") == [plain]
    assert found("model=clerk") == [other]
    assert found("model=gpt-4o") == [tagged, plain]
    assert found("metadata.order=42") == [other, tagged]
    assert found("metadata.order=42&metadata.shop=a") == [tagged]
    assert found("metadata.order=41") == []


def test_a_list_links_results_instead_of_carrying_them(api: Api, worker: Worker) -> None:
    job_id = api.submit()
    worker.run(job_id)

    (job,) = api.get("/v1/jobs").json["data"]

    assert "result" not in job
    assert job["result_url"] == f"/v1/jobs/{job_id}/result"

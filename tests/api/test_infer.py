from __future__ import annotations

import threading
from typing import Any

from jobs.job import AttemptError, JobState
from tests.api.conftest import Api, Worker


def newest(worker: Worker) -> str:
    """The id of the job that a request in another thread has submitted, as soon as there is one."""
    while not (jobs := worker.store.list("default").jobs):
        threading.Event().wait(0.01)
    return jobs[0].id


def infer(api: Api, worker: Worker, body: dict[str, Any], **outcome: Any) -> Any:
    """The answer to a request that a worker serves while it waits."""
    served = threading.Thread(target=lambda: worker.run(newest(worker), **outcome))
    served.start()
    response = api.post("/v1/infer", body, Prefer="wait=30")
    served.join()
    return response


def test_a_prompt_is_answered_with_its_completion(api: Api, worker: Worker) -> None:
    response = infer(api, worker, {"model": "gpt-4o", "prompt": "Hark!"})

    assert response.status_code == 200
    assert response.json["text"] == "Who knocks?"
    assert response.json["finish_reason"] == "stop"
    assert response.json["model"] == "poet"
    assert response.json["usage"]["completion_tokens"] == 4
    assert response.json["timing"]["ttft_s"] == 0.1
    assert response.headers["Location"] == f"/v1/jobs/{response.json['id']}"


def test_when_time_runs_out_the_job_goes_on(api: Api) -> None:
    response = api.post("/v1/infer", {"prompt": "Hark!"}, Prefer="wait=0")

    assert response.status_code == 202
    assert response.json["object"] == "job"
    assert response.headers["Location"] == f"/v1/jobs/{response.json['id']}"
    assert "Retry-After" in response.headers


def test_a_client_may_ask_not_to_wait(api: Api) -> None:
    response = api.post("/v1/infer", {"prompt": "Hark!"}, Prefer="respond-async")

    assert response.status_code == 202
    assert response.headers["Preference-Applied"] == "respond-async"


def test_a_failure_is_a_problem(api: Api, worker: Worker) -> None:
    error = AttemptError(code="engine_error", message="The engine failed.")

    response = infer(api, worker, {"prompt": "Hark!"}, state=JobState.FAILED, text=None, error=error)

    assert (response.status_code, response.headers["x-should-retry"]) == (500, "false")
    assert response.json["error"]["code"] == "engine_error"
    job_id = response.json["instance"].removeprefix("/v1/jobs/")
    assert worker.store.find("default", job_id).state is JobState.FAILED


def test_params_may_stand_beside_the_prompt_or_together(api: Api, worker: Worker) -> None:
    body = {"prompt": "Hark!", "max_tokens": 7, "stream": False, "params": {"seed": 3}}

    job_id = api.post("/v1/infer", body, Prefer="wait=0").json["id"]

    params = worker.store.find("default", job_id).request.params
    assert (params.max_tokens, params.seed) == (7, 3)


def test_a_repeated_prompt_with_a_key_finds_the_first_job(api: Api) -> None:
    first, second = (
        api.post("/v1/infer", {"prompt": "Hark!"}, Prefer="wait=0", Idempotency_Key="order-42") for _ in range(2)
    )

    assert second.json["id"] == first.json["id"]
    assert second.headers["Idempotency-Replayed"] == "true"

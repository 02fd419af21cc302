from __future__ import annotations

from typing import Any

from jobs.new_job import NewJob
from tests.api.conftest import Api, Worker

ORDER = {"order": "42"}


def cancel(api: Api, **body: Any) -> Any:
    return api.post("/v1/jobs/cancel", {"metadata": ORDER, **body})


def test_jobs_are_cancelled_by_their_metadata(api: Api, worker: Worker) -> None:
    running, other = api.submit(metadata=ORDER), api.submit(metadata={"order": "43"})
    worker.claim(running)
    queued = [api.submit(metadata=ORDER | {"line": str(line)}) for line in range(2)]

    response = cancel(api)

    assert response.status_code == 200
    assert response.json == {
        "object": "cancellation",
        "cancelled": queued[::-1],
        "requested": [running],
        "has_more": False,
        "next_cursor": None,
    }
    assert api.get(f"/v1/jobs/{queued[0]}").json["status"] == "cancelled"
    assert "cancel_requested_at" in api.get(f"/v1/jobs/{running}").json
    assert "cancel_requested_at" not in api.get(f"/v1/jobs/{other}").json
    assert cancel(api).json["cancelled"] == []


def test_a_cancel_can_be_narrowed_by_model_and_state(api: Api, worker: Worker) -> None:
    running = api.submit(metadata=ORDER)
    worker.claim(running)
    poet, clerk = api.submit(metadata=ORDER), api.submit(metadata=ORDER, model="clerk")

    def told(**narrowed: str) -> tuple[list[str], list[str]]:
        answer = cancel(api, **narrowed).json
        return answer["cancelled"], answer["requested"]

    assert told(model="oracle") == ([], [])
    assert told(model="clerk", status="running") == ([], [])
    assert told(model="gpt-4o", status="queued") == ([poet], [])
    assert told(status="queued") == ([clerk], [])
    assert told(status="running") == ([], [running])


def test_many_jobs_are_cancelled_page_by_page(api: Api, worker: Worker) -> None:
    usual = worker.store.find("default", api.submit())
    made = [f"job_{number:022}" for number in range(2100)]
    for job_id in made:
        worker.store.accept(NewJob(id=job_id, tenant="default", request=usual.request, metadata=ORDER))

    answers = [cancel(api).json]
    while answers[-1]["has_more"]:
        answers.append(cancel(api, cursor=answers[-1]["next_cursor"]).json)

    assert [len(answer["cancelled"]) for answer in answers] == [1000, 1000, 100]
    assert {job_id for answer in answers for job_id in answer["cancelled"]} == set(made)
    assert answers[-1]["next_cursor"] is None
    assert api.get(f"/v1/jobs/{usual.id}").json["status"] == "queued"


def test_another_tenant_s_jobs_are_not_cancelled(api: Api, worker: Worker) -> None:
    mine = worker.store.find("default", api.submit(metadata=ORDER))
    worker.store.accept(NewJob(id="job_other", tenant="other", request=mine.request, metadata=ORDER))

    assert cancel(api).json["cancelled"] == [mine.id]
    assert worker.store.find("other", "job_other").state.value == "queued"


def test_the_address_is_not_taken_for_a_job(api: Api) -> None:
    refused = api.get("/v1/jobs/cancel")

    assert (refused.status_code, refused.json["type"]) == (405, "/problems/method-not-allowed")
    assert set(refused.allow) == set(api.send("OPTIONS", "/v1/jobs/cancel").allow) == {"OPTIONS", "POST"}

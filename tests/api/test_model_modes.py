from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from api.process import ApiProcess
from jobs.answers import Skipped
from tests.api.conftest import Api, Worker


def queue(api: Api, model: str = "poet") -> Any:
    (entry,) = api.get(f"/v1/queue?model={model}").json["data"]
    return entry


def test_a_model_runs_as_usual_until_it_is_told_otherwise(api: Api) -> None:
    assert queue(api)["mode"] == "running"
    assert "mode_since" not in queue(api)


@pytest.mark.parametrize(("verb", "mode"), [("pause", "paused"), ("drain", "draining")])
def test_a_mode_is_answered_and_shown_with_its_time(api: Api, verb: str, mode: str) -> None:
    first, again = (api.post(f"/v1/models/gpt-4o/{verb}") for _ in range(2))

    assert first.status_code == 200
    assert (first.json["object"], first.json["model"], first.json["mode"]) == ("queue", "poet", mode)
    assert datetime.fromisoformat(first.json["mode_since"]).tzinfo is not None
    assert again.json == first.json == queue(api)
    assert queue(api, "clerk")["mode"] == "running"
    resumed = api.post("/v1/models/poet/resume")
    assert resumed.json["mode"] == "running"
    assert "mode_since" not in resumed.json


def test_a_paused_model_accepts_and_starts_nothing_until_it_is_resumed(api: Api, worker: Worker) -> None:
    worker.join(slots=2)
    running, dispatched = api.submit(), api.submit()
    lease = worker.claim(running)

    paused = api.post("/v1/models/poet/pause").json
    accepted = api.submit()

    assert (paused["depth"], paused["dispatched"], paused["running"]) == (1, 0, 1)
    for job_id in (dispatched, accepted):
        answer = worker.store.claim(job_id, model="poet", worker="w1", claim_id=f"c-{job_id}", can_continue=True)
        assert isinstance(answer, Skipped)
    worker.finish(lease)
    assert queue(api)["depth"] == 2
    resumed = api.post("/v1/models/poet/resume").json
    assert (resumed["depth"], resumed["dispatched"]) == (0, 2)
    for job_id in (dispatched, accepted):
        worker.run(job_id)


def test_a_draining_model_refuses_new_jobs_and_finishes_old_ones(api: Api, worker: Worker) -> None:
    body = {"input": {"prompt": "Hark!"}}
    old = api.post("/v1/jobs", body, Idempotency_Key="order-42").json["id"]
    lost = api.submit()
    worker.give_up(lost)
    api.post("/v1/models/poet/drain")

    refused = [api.post(*call) for call in (("/v1/jobs", body), ("/v1/infer", {"prompt": "Hark!"}))]
    refused.append(api.post(f"/v1/jobs/{lost}/requeue"))
    replayed = api.post("/v1/jobs", body, Idempotency_Key="order-42")
    elsewhere = api.post("/v1/jobs", body | {"model": "clerk"})

    for response in refused:
        assert (response.status_code, response.json["type"]) == (503, "/problems/model-draining")
        assert response.json["retryable"] is True
        assert "poet" in response.json["detail"]
        assert response.headers["Retry-After"] == "60"
        assert "x-should-retry" not in response.headers
    assert (replayed.status_code, replayed.json["id"]) == (202, old)
    assert elsewhere.status_code == 202
    worker.run(old)
    assert api.get(f"/v1/jobs/{old}").json["status"] == "succeeded"
    api.post("/v1/models/poet/resume")
    assert api.post(f"/v1/jobs/{lost}/requeue").status_code == 202


@pytest.mark.parametrize("verb", ["pause", "drain", "resume"])
def test_the_mode_of_a_model_that_is_none_is_404(api: Api, verb: str) -> None:
    for name in ("oracle", "org/oracle"):
        response = api.post(f"/v1/models/{name}/{verb}")
        assert (response.status_code, response.json["error"]["code"]) == (404, "model_not_found")


def test_a_name_may_hold_slashes(make_process: Callable[..., ApiProcess], redis_url: str, tmp_path: Path) -> None:
    del redis_url
    config = tmp_path / "models.yaml"
    config.write_text("models:\n  org/poet: {engine: scripted}\n")
    api = Api(make_process(env={"TRUTHGPT_CONFIG": str(config)}).test_client())

    assert api.post("/v1/models/org/poet/pause").json["mode"] == "paused"
    assert queue(api, "org/poet")["mode"] == "paused"


def test_a_mode_outlives_the_process_that_set_it(make_process: Callable[..., ApiProcess], api: Api) -> None:
    api.post("/v1/models/poet/pause")

    assert queue(Api(make_process().test_client()))["mode"] == "paused"

"""What there is to ask, how full it is, and whether it is well."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from redis import Redis

from api.process import ApiProcess
from jobs.keys import ref
from tests.api.conftest import Api, Worker


def test_the_default_model_is_listed_first_and_aliases_last(api: Api) -> None:
    models = api.get("/v1/models").json["data"]

    assert [model["id"] for model in models] == ["poet", "clerk", "gpt-4o"]
    assert models[2]["alias_of"] == "poet"
    assert {model["object"] for model in models} == {"model"}


def test_a_model_is_found_by_its_name_and_by_its_alias(api: Api) -> None:
    assert api.get("/v1/models/poet").json["max_tokens"] == 100
    assert api.get("/v1/models/gpt-4o").json["alias_of"] == "poet"
    assert api.get("/v1/models/org/oracle").json["error"]["code"] == "model_not_found"


def test_the_queue_is_told_per_model(api: Api, worker: Worker) -> None:
    for _ in range(3):
        api.submit()

    both = api.get("/v1/queue").json["data"]
    (one,) = api.get("/v1/queue?model=gpt-4o").json["data"]

    assert [queue["model"] for queue in both] == ["poet", "clerk"]
    assert (one["depth"], one["workers"], one["share"]) == (3, 0, {"waiting": 3, "ratio": 1.0})
    assert one["tokens_ahead"] > 0
    worker.join(slots=2)
    assert api.get("/v1/queue?model=poet").json["data"][0]["slots"] == 2
    assert api.get("/v1/queue?model=oracle").status_code == 404


def test_jobs_that_wait_for_their_time_are_counted_apart(api: Api, worker: Worker) -> None:
    worker.store.postpone(worker.claim(api.submit()), seconds=60)
    worker.store.finish(worker.claim(api.submit()), worker.failed, retry_after_seconds=60)
    retried, busy = (job["id"] for job in api.get("/v1/jobs?status=queued").json["data"])

    (queue,) = api.get("/v1/queue?model=poet").json["data"]
    first, second = (api.get(f"/v1/jobs/{job_id}").json for job_id in (busy, retried))

    assert (queue["depth"], queue["delayed"], queue["running"]) == (0, 2, 0)
    assert (first["attempt"], second["attempt"]) == (0, 1)
    assert "started_at" not in first
    assert "queue_wait_s" not in first["timing"]
    assert "started_at" in second
    api.post(f"/v1/jobs/{busy}/cancel")
    assert api.get("/v1/queue?model=poet").json["data"][0]["delayed"] == 1


def health(api: Api, path: str = "/health") -> Any:
    return api.client.get(path)


def test_health_is_degraded_while_a_model_has_no_worker(api: Api, worker: Worker) -> None:
    worker.join(slots=2)

    response = health(api)

    assert response.status_code == 200
    assert response.json["status"] == "degraded"
    assert response.json["redis"] == "ok"
    told = {"workers": 1, "slots": 2, "waiting": 0, "running": 0, "circuit": "closed"}
    assert response.json["models"]["poet"] == told
    assert response.json["models"]["clerk"]["workers"] == 0


def test_health_is_ok_with_a_worker_for_every_model(api: Api, worker: Worker) -> None:
    worker.join()
    worker.store.heartbeat("w2", model="clerk", slots=1, instance="i2")

    assert health(api).json["status"] == "ok"


def test_readiness_tells_which_models_are_served(api: Api, worker: Worker) -> None:
    worker.join()

    response = health(api, "/health/ready")

    assert response.json == {"ready": True, "redis": "ok", "models": {"poet": True, "clerk": False}}


def test_a_job_erased_by_retention_is_410(api: Api, worker: Worker, redis_client: Redis) -> None:
    job_id = api.submit(retention_s=1)
    worker.run(job_id)
    redis_client.zadd(worker.store.keys.name("retire"), {ref("default", job_id): 0})
    worker.store.sweep()

    for tail in ("", "/result"):
        response = api.get(f"/v1/jobs/{job_id}{tail}")
        assert (response.status_code, response.json["type"]) == (410, "/problems/result-expired")


def test_every_process_dates_a_model_alike(make_process: Callable[..., ApiProcess], catalog_file: Path) -> None:
    written = int(catalog_file.stat().st_mtime)

    for process in (make_process(), make_process()):
        assert {model["created"] for model in Api(process.test_client()).get("/v1/models").json["data"]} == {written}


def test_times_are_told_to_the_millisecond(api: Api, worker: Worker) -> None:
    worker.join(slots=1)
    worker.run(api.submit())
    worker.join(slots=1)
    jobs = [api.submit() for _ in range(5)]

    told = [api.get("/v1/queue").json["data"][0][name] for name in ("oldest_age_s", "eta_s")]
    told += [api.get(f"/v1/jobs/{job_id}").json["queue"]["eta_s"] for job_id in jobs[-3:]]

    assert told == [round(seconds, 3) for seconds in told]

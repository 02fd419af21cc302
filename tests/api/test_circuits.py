from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from redis import Redis

from api.process import ApiProcess
from resilience.circuit.circuits import Circuits
from resilience.circuit.permit import Outcome, Permit
from resilience.circuit.settings import CircuitSettings
from tests.api.conftest import TOKEN, Api, Worker

KEY = "model:poet"
Fails = Callable[..., None]
CHAT = {"model": "poet", "messages": [{"role": "user", "content": "Hark!"}]}
SUBMITS: dict[str, Any] = {
    "/v1/jobs": {"input": {"prompt": "Hark!"}},
    "/v1/infer": {"prompt": "Hark!"},
    "/v1/chat/completions": CHAT,
    "/v1/completions": {"model": "poet", "prompt": "Hark!"},
    "/v1/responses": {"model": "poet", "input": "Hark!", "background": True},
}


@pytest.fixture
def process(make_process: Callable[..., ApiProcess], redis_url: str) -> ApiProcess:
    """One of the test's own: what it knows of a circuit is true for a second."""
    del redis_url
    return make_process()


@pytest.fixture
def fails(redis_client: Redis) -> Fails:
    """Has the poet's circuit trip, as workers do who fail, and waits until an API knows."""

    def trip(api: Api, *, open_seconds: float = 60) -> None:
        settings = CircuitSettings(open_seconds=open_seconds, jitter=0)
        circuits = Circuits(redis_client, settings, random=Random())
        for _ in range(settings.failure_threshold):
            permit = circuits.admit(KEY)
            assert isinstance(permit, Permit)
            circuits.record(permit, Outcome.FAILURE, 0.1)
        wait_until(api, "open")

    return trip


def wait_until(api: Api, state: str) -> None:
    """Until the API has seen where the circuit is."""
    while api.get("/v1/queue?model=poet").json["data"][0]["circuit"] != state:
        pass


def entry(api: Api, key: str = KEY) -> Any:
    [found] = [one for one in api.get("/v1/circuits").json["data"] if one["key"] == key]
    return found


@pytest.mark.parametrize("path", SUBMITS)
def test_a_new_job_of_a_model_that_fails_is_refused_on_every_interface(api: Api, fails: Fails, path: str) -> None:
    fails(api)
    refused = api.post(path, SUBMITS[path])

    assert refused.status_code == 503, refused.text
    assert refused.json["type"] == "/problems/circuit-open"
    assert (refused.json["retryable"], refused.json["error"]["code"]) == (True, "circuit_open")
    assert 50 <= int(refused.headers["Retry-After"]) <= 60
    assert "x-should-retry" not in refused.headers
    assert api.get("/v1/jobs").json["data"] == []
    assert api.post("/v1/jobs", {"model": "clerk", "input": {"prompt": "Hark!"}}).status_code == 202


def test_who_would_wait_too_long_is_told_not_to_retry(api: Api, fails: Fails) -> None:
    fails(api, open_seconds=500)
    refused = api.post("/v1/jobs", SUBMITS["/v1/jobs"])

    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "120")
    assert refused.headers["x-should-retry"] == "false"
    assert "again in 500 s" in refused.json["detail"] or "again in 499 s" in refused.json["detail"]


def test_a_repeat_of_a_submit_is_answered_all_the_same(api: Api, fails: Fails) -> None:
    key = {"Idempotency_Key": "order-42"}
    first = api.post("/v1/jobs", SUBMITS["/v1/jobs"], **key)
    fails(api)
    again = api.post("/v1/jobs", SUBMITS["/v1/jobs"], **key)

    assert (again.status_code, again.json["id"]) == (202, first.json["id"])
    assert (
        api.post("/v1/jobs", {"input": {"prompt": "Another"}}, **key).json["type"] == "/problems/idempotency-mismatch"
    )
    assert api.post("/v1/jobs", SUBMITS["/v1/jobs"], Idempotency_Key="order-43").status_code == 503


def test_the_retry_of_a_request_whose_answer_was_lost_finds_its_job(
    make_process: Callable[..., ApiProcess], fails: Fails
) -> None:
    hasty = Api(make_process({"API_FOREGROUND_S": "0.1"}).test_client(), TOKEN)
    assert hasty.post("/v1/chat/completions", CHAT).json["type"] == "/problems/still-running"
    fails(hasty)
    retry = hasty.post("/v1/chat/completions", CHAT, X_Stainless_Retry_Count="1")

    assert retry.json["type"] == "/problems/still-running", "it waits for the first one's job"
    assert len(hasty.get("/v1/jobs").json["data"]) == 1
    other = {"model": "poet", "messages": [{"role": "user", "content": "Halt!"}]}
    assert hasty.post("/v1/chat/completions", other).json["type"] == "/problems/circuit-open"


def test_a_requeue_is_refused_too_and_a_repeat_of_one_is_not(api: Api, worker: Worker, fails: Fails) -> None:
    done, open_ = api.submit(), api.submit()
    worker.give_up(done)
    worker.give_up(open_)
    made = api.post(f"/v1/jobs/{done}/requeue").json["id"]
    fails(api)

    assert api.post(f"/v1/jobs/{done}/requeue").json["id"] == made
    refused = api.post(f"/v1/jobs/{open_}/requeue")
    assert (refused.status_code, refused.json["type"]) == (503, "/problems/circuit-open")


def test_while_it_is_half_open_jobs_are_accepted(api: Api, fails: Fails, redis_client: Redis) -> None:
    fails(api)
    redis_client.hset(f"frontier:circuit:state:{KEY}", "reopens_at", 1)
    wait_until(api, "half_open")

    assert api.post("/v1/jobs", SUBMITS["/v1/jobs"]).status_code == 202
    assert entry(api)["state"] == "half_open"


def test_jobs_that_wait_are_cancelled_and_expire_as_ever(api: Api, worker: Worker, fails: Fails) -> None:
    first, second = api.submit(), api.submit(start_within_s=0.1)
    fails(api)

    assert api.post(f"/v1/jobs/{first}/cancel").json["status"] == "cancelled"
    while worker.store.find("default", second).state.value == "queued":
        worker.store.sweep()
    assert api.get(f"/v1/jobs/{second}").json["status"] == "expired"


def test_a_job_that_waits_says_that_its_model_fails(api: Api, fails: Fails, redis_client: Redis) -> None:
    job_id = api.submit()

    def first_reason() -> Any:
        return api.get(f"/v1/jobs/{job_id}/explain").json["reasons"][0]

    assert not first_reason()["code"].startswith("circuit")
    fails(api)
    assert first_reason()["code"] == "circuit-open"
    assert 1 <= first_reason()["detail"]["tried_again_in_s"] <= 60
    assert api.get(f"/v1/jobs/{job_id}/explain").json["queue"]["eta_s"] is None
    redis_client.hset(f"frontier:circuit:state:{KEY}", "reopens_at", 1)
    wait_until(api, "half_open")
    assert first_reason()["code"] == "circuit-half-open"


def test_a_circuit_tells_all_about_itself(api: Api, fails: Fails) -> None:
    assert [one["key"] for one in api.get("/v1/circuits").json["data"]] == ["model:poet", "model:clerk"]
    assert (entry(api)["state"], entry(api)["since"]) == ("closed", None)
    fails(api)
    for _ in range(3):
        api.post("/v1/jobs", SUBMITS["/v1/jobs"])
    told = api.of("acme", "jobs:read").get("/v1/circuits").json["data"][0]

    assert (told["object"], told["kind"], told["state"]) == ("circuit", "model", "open")
    assert told["since"] < told["reopens_at"]
    assert (told["trips_in_a_row"], told["forced"]) == (1, None)
    assert told["transitions"] == {"opened": 1, "half_opened": 0, "closed": 0}
    assert (told["counts"]["permitted"], told["counts"]["failed"]) == (5, 5)
    assert told["window"]["failure_rate"] == 0.0, "it is emptied by the move"
    assert told["probes"] == {"running": 0, "succeeded": 0, "failed": 0, "ignored": 0, "lost": 0}


def test_what_was_refused_here_is_counted_for_all(api: Api, fails: Fails, redis_client: Redis) -> None:
    fails(api)
    for _ in range(3):
        api.post("/v1/jobs", SUBMITS["/v1/jobs"])
    redis_client.hset(f"frontier:circuit:state:{KEY}", "reopens_at", 1)
    wait_until(api, "half_open")
    assert entry(api)["counts"]["rejected"] == 3


@pytest.mark.parametrize(("state", "status"), [("open", 503), ("closed", 202)])
def test_an_operator_holds_it_until_somebody_lets_go_of_it(api: Api, fails: Fails, state: str, status: int) -> None:
    fails(api)
    admin = api.of("ops", "admin", "jobs:write", "jobs:read")
    forced = admin.post(f"/v1/circuits/{KEY}/force", {"state": state})

    assert (forced.status_code, forced.json["state"], forced.json["reopens_at"]) == (200, state, None)
    assert forced.json["forced"]["state"] == state
    assert forced.json["forced"]["by"].startswith("key_")
    assert api.post("/v1/jobs", SUBMITS["/v1/jobs"]).status_code == status
    free = api.post(f"/v1/circuits/{KEY}/force", {"state": None}).json
    assert (free["state"], free["forced"]) == ("closed", None)
    assert [(one["state"], one["by"][:4]) for one in free["audit"]] == [(None, "oper"), (state, "key_")]
    assert api.get(f"/v1/circuits/{KEY}").json == free
    assert api.post("/v1/jobs", SUBMITS["/v1/jobs"]).status_code == 202


def test_a_model_that_is_held_back_is_not_said_to_fail_or_to_be_tried(api: Api) -> None:
    job_id = api.submit()
    api.post(f"/v1/circuits/{KEY}/force", {"state": "open"})
    wait_until(api, "open")

    refused = api.post("/v1/jobs", SUBMITS["/v1/jobs"])
    assert (refused.status_code, refused.json["detail"]) == (
        503,
        "poet is held back by an operator, and nobody knows until when. Jobs that wait go on waiting.",
    )
    assert (refused.headers["Retry-After"], refused.headers["x-should-retry"]) == ("60", "false")
    [reason, *_] = api.get(f"/v1/jobs/{job_id}/explain").json["reasons"]
    assert reason == {"code": "circuit-open", "message": "An operator holds the model back until it is released."}


def test_nobody_can_tell_when_a_job_of_a_model_that_fails_starts(api: Api, worker: Worker, fails: Fails) -> None:
    worker.run(api.submit())
    worker.join()

    def estimates() -> list[Any]:
        [poet] = api.get("/v1/queue?model=poet").json["data"]
        return [poet["eta_s"], *(one["eta_s"] for one in poet["classes"].values())]

    waits = api.submit()

    def told() -> tuple[Any, str]:
        answer = api.get(f"/v1/jobs/{waits}")
        return answer.json["queue"]["eta_s"], answer.headers["Retry-After"]

    assert None not in estimates()
    assert told() == (0.0, "1")
    fails(api)
    assert set(estimates()) == {None}
    assert told() == (None, "2")


def test_what_waits_is_dispatched_as_soon_as_an_operator_closes_it(api: Api, worker: Worker, fails: Fails) -> None:
    ids = [api.submit() for _ in range(3)]
    fails(api)
    worker.join(slots=4)
    api.post("/v1/models/poet/resume")
    assert worker.store.queue("poet", "default").dispatched == 0
    api.post(f"/v1/circuits/{KEY}/force", {"state": "closed"})

    assert worker.store.queue("poet", "default").dispatched == len(ids)


def test_an_alias_names_the_circuit_of_its_model(api: Api) -> None:
    assert api.get("/v1/circuits/model:gpt-4o").json["key"] == KEY


@pytest.mark.parametrize("key", ["model:nobody", "poet", "endpoint:we_1", "model:", ":", "model:poet/x"])
def test_a_circuit_of_nothing_is_404(api: Api, key: str) -> None:
    for answer in (api.get(f"/v1/circuits/{key}"), api.post(f"/v1/circuits/{key}/force", {"state": "open"})):
        assert (answer.status_code, answer.json["type"]) == (404, "/problems/circuit-not-found")


@pytest.mark.parametrize(
    "body", [{}, {"state": "half_open"}, {"state": 1}, {"state": "open", "by": "me"}, {"state": ""}]
)
def test_a_force_that_makes_no_sense_names_the_field(api: Api, body: Any) -> None:
    answer = api.post(f"/v1/circuits/{KEY}/force", body)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] in {"state", "by"}
    assert entry(api)["forced"] is None


def test_the_methods_that_fit_are_named(api: Api) -> None:
    for method, path, allowed in (
        ("GET", f"/v1/circuits/{KEY}/force", "POST"),
        ("POST", f"/v1/circuits/{KEY}", "GET"),
        ("DELETE", f"/v1/circuits/{KEY}", "GET"),
    ):
        answer = api.send(method, path)
        assert answer.status_code == 405, (method, path)
        assert allowed in answer.headers["Allow"]


def test_the_queue_and_the_health_tell_of_it(api: Api, worker: Worker, fails: Fails) -> None:
    worker.join()
    worker.store.heartbeat("w2", model="clerk", slots=1, instance="i2")
    assert api.get("/health").json["status"] == "ok"
    fails(api)

    health = api.get("/health").json

    assert (health["status"], health["models"]["poet"]["circuit"]) == ("degraded", "open")
    assert health["models"]["clerk"]["circuit"] == "closed"

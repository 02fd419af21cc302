from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from api import errors as api_errors
from api import problem_types
from api.process import ApiProcess
from jobs import errors as job_errors
from jobs.batches import errors as batch_errors
from jobs.webhooks import errors as webhook_errors
from tests.api.conftest import TOKEN, Api


def descendants(kind: type[Exception]) -> Iterator[type[Exception]]:
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


TOLD_AS_OTHERS = {
    job_errors.BatchLeaseLost: "runners alone submit lines, and stop at it",
    job_errors.BatchStopped: "runners alone submit lines, and tell of those that are left",
    batch_errors.LinesLeft: "runners alone end batches",
    job_errors.NothingNew: "api.model_gate says what kept the job out: CircuitOpen",
    webhook_errors.ReceiverNotFound: "api.receiver_circuit_sources says that there is no such circuit: UnknownCircuit",
}
"""Errors that reach no client, and why."""


def test_every_error_of_the_record_has_a_row() -> None:
    of_record = set(descendants(job_errors.JobError))

    assert of_record == {kind for kind in problem_types.PROBLEMS if issubclass(kind, job_errors.JobError)} | {
        *TOLD_AS_OTHERS
    }
    assert not set(TOLD_AS_OTHERS) & set(problem_types.PROBLEMS)


def test_every_error_of_the_api_has_a_row() -> None:
    rows = {*problem_types.PROBLEMS, api_errors.JobEndedWithoutResult}

    assert set(descendants(api_errors.ApiError)) <= rows


def test_every_problem_has_a_name_of_its_own() -> None:
    rows = [*problem_types.PROBLEMS.values(), *problem_types.OF_STATUS.values(), *problem_types.OF_ENDED_JOBS.values()]
    slugs = [row.slug for row in {id(row): row for row in rows}.values()]

    assert len(slugs) == len(set(slugs))


def test_a_problem_is_an_openai_error_too(api: Api) -> None:
    body = api.get("/v1/models/oracle").json

    assert body["error"]["message"] == body["detail"]
    assert body["error"]["type"] == "invalid_request_error"
    assert body["error"]["code"] == "model_not_found"
    assert body["error"]["param"] == "model"


@pytest.mark.parametrize("path", ["/v1/nothing", "/nothing", "/v1/jobs/a/b/c", "/v1/jobs//explain", "/v1//jobs"])
def test_an_unknown_address_is_a_problem(api: Api, path: str) -> None:
    response = api.get(path)

    assert (response.status_code, response.mimetype) == (404, "application/problem+json")
    assert response.json["type"] == "/problems/not-found"


def test_a_method_that_does_not_fit_is_told_which_do(api: Api) -> None:
    response = api.send("PUT", "/v1/jobs")

    assert response.status_code == 405
    assert {"GET", "POST"} <= set(response.headers["Allow"].replace(" ", "").split(","))
    assert response.json["error"]["code"] == "method_not_allowed"


def test_a_fault_of_our_own_leaks_nothing(
    make_process: Callable[..., ApiProcess], caplog: pytest.LogCaptureFixture
) -> None:
    process = make_process()

    @process.get("/v1/fault")
    def fault() -> str:
        raise RuntimeError("the secret prompt")

    response = Api(process.test_client()).get("/v1/fault")

    assert response.status_code == 500
    assert response.json["type"] == "/problems/internal-error"
    assert "secret" not in response.text + caplog.text
    (record,) = [record for record in caplog.records if record.message == "request_failed"]
    assert record.__dict__["error"] == "RuntimeError"
    assert record.__dict__["request_id"] == response.headers["x-request-id"]


def test_a_store_that_is_away_is_503_and_says_when_to_come_back(make_process: Callable[..., ApiProcess]) -> None:
    away = Api(make_process(env={"REDIS_URL": "redis://127.0.0.1:1/0"}).test_client())

    response = away.post("/v1/jobs", {"input": {"prompt": "Hark!"}})

    assert response.status_code == 503
    assert response.json["type"] == "/problems/store-unavailable"
    assert response.json["retryable"] is True
    assert response.headers["Retry-After"] == "5"
    assert "x-should-retry" not in response.headers
    assert away.get("/health/ready").status_code == 503
    assert away.get("/health/live").status_code == 200


def test_the_type_of_a_problem_leads_to_its_explanation(process: ApiProcess) -> None:
    response = process.test_client().get("/problems/queue-full")

    assert (response.status_code, response.headers["Location"]) == (302, "/docs#problem-queue-full")


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é"]
)
def test_without_the_key_every_address_is_401(process: ApiProcess, header: str | None) -> None:
    client = process.test_client()
    headers = {} if header is None else {"Authorization": header}

    for method, path in [("POST", "/v1/jobs"), ("GET", "/v1/jobs/x"), ("GET", "/v1/models"), ("GET", "/v1/nothing")]:
        response: Any = client.open(path, method=method, headers=headers)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="frontier"'
        assert response.json["error"]["type"] == "authentication_error"


@pytest.mark.parametrize(
    "path", ["/health", "/health/live", "/health/ready", "/docs", "/docs/docs.js", "/openapi.json"]
)
def test_health_and_documentation_are_open(process: ApiProcess, path: str) -> None:
    assert process.test_client().get(path).status_code == 200


def test_the_clients_request_id_comes_back(api: Api) -> None:
    assert api.get("/v1/models", x_request_id="order_42-a").headers["x-request-id"] == "order_42-a"


@pytest.mark.parametrize("given", ["two words", "x" * 65, "a;b", ""])
def test_a_request_id_that_could_do_harm_is_replaced(api: Api, given: str) -> None:
    made = api.get("/v1/models", x_request_id=given).headers["x-request-id"]

    assert made.startswith("req_")
    assert made != api.get("/v1/models").headers["x-request-id"]

"""Calls that take no fields: a body with any is refused, and the call has done nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Api

JSON = {"Content-Type": "application/json"}

CALLS = [
    ("POST", "/v1/jobs/{id}/cancel"),
    ("POST", "/v1/jobs/{id}/requeue"),
    ("DELETE", "/v1/jobs/{id}"),
    ("POST", "/v1/models/poet/pause"),
    ("POST", "/v1/models/poet/drain"),
    ("POST", "/v1/models/poet/resume"),
]


@pytest.fixture
def cancelled(api: Api) -> str:
    job_id = api.submit()
    api.post(f"/v1/jobs/{job_id}/cancel")
    return job_id


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_an_unknown_field_is_refused_by_its_name(api: Api, cancelled: str, method: str, path: str) -> None:
    api.post("/v1/models/poet/drain")
    before = state(api, cancelled)

    response = api.send(method, path.format(id=cancelled), data=b'{"a": 1, "b": {"c": 2}}', headers=JSON)

    assert (response.status_code, response.json["error"]["code"]) == (422, "invalid_request")
    message = "Unknown field."
    assert response.json["errors"] == [{"field": "a", "message": message}, {"field": "b", "message": message}]
    assert state(api, cancelled) == before


@pytest.mark.parametrize(
    ("body", "headers", "status", "field"),
    [
        (b"[1]", JSON, 400, "body"),
        (b'{"a": 1, "a": 2}', JSON, 400, "a"),
        (b"a=1", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "Content-Type"),
        (b"{}", JSON | {"Content-Encoding": "gzip"}, 415, "Content-Encoding"),
        (b"{" + b" " * 2**21 + b"}", JSON, 413, "body"),
    ],
)
def test_what_is_no_json_object_is_refused_as_elsewhere(
    api: Api, body: bytes, headers: dict[str, str], status: int, field: str
) -> None:
    response = api.send("POST", "/v1/models/poet/resume", data=body, headers=headers)

    assert response.status_code == status
    assert [error["field"] for error in response.json["errors"]] == [field]


@pytest.mark.parametrize("options", [{}, {"data": b"", "headers": JSON}, {"data": b" {} ", "headers": JSON}])
@pytest.mark.parametrize(("method", "path"), CALLS)
def test_no_body_and_an_empty_one_are_the_same(
    api: Api, cancelled: str, method: str, path: str, options: dict[str, Any]
) -> None:
    response = api.send(method, path.format(id=cancelled), **options)

    assert response.status_code in {200, 202, 204}


def test_an_empty_body_of_any_type_is_no_body(api: Api) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    assert api.send("POST", "/v1/models/poet/resume", data=b"", headers=form).status_code == 200


def state(api: Api, job_id: str) -> tuple[Any, Any]:
    return api.get(f"/v1/jobs/{job_id}").json, api.get("/v1/queue?model=poet").json

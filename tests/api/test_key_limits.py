"""What the operator does with the limits of keys."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.access.key_limits import KeyLimits, Limits, pack_limits, unpack_limits
from tests.api.conftest import Api

KEYS = "/v1/admin/keys"
BODY = {"tenant": "acme", "scopes": ["jobs:read"]}
SOME = {"requests_per_minute": 60, "requests_per_hour": 1000, "burst": 10}


@pytest.mark.parametrize("limits", [None, "none", SOME, {**SOME, "burst": None}, {**SOME, "requests_per_minute": 1.0}])
def test_a_key_has_the_limits_that_it_was_made_with(api: Api, limits: Any) -> None:
    made = api.post(KEYS, BODY | {"limits": limits}).json

    assert made["limits"] == limits
    assert api.get(f"{KEYS}/{made['id']}").json["limits"] == limits
    assert api.get(KEYS).json["data"][0]["limits"] == limits


def test_without_a_word_of_limits_a_key_has_the_usual_ones(api: Api) -> None:
    assert api.post(KEYS, BODY).json["limits"] is None


def test_the_limits_of_a_key_are_changed_as_a_whole(api: Api) -> None:
    key_id = api.post(KEYS, BODY | {"limits": SOME}).json["id"]

    changed = api.send("PATCH", f"{KEYS}/{key_id}", json={"limits": {"requests_per_hour": 7}})
    assert (changed.status_code, changed.json["limits"]) == (
        200,
        {"requests_per_minute": None, "requests_per_hour": 7, "burst": None},
    )
    assert api.send("PATCH", f"{KEYS}/{key_id}", json={"limits": "none"}).json["limits"] == "none"
    assert api.send("PATCH", f"{KEYS}/{key_id}", json={"limits": None}).json["limits"] is None
    assert api.get(f"{KEYS}/{key_id}").json["limits"] is None


def test_a_successor_takes_the_limits_along(api: Api) -> None:
    key_id = api.post(KEYS, BODY | {"limits": SOME}).json["id"]
    successor = api.post(f"{KEYS}/{key_id}/rotate").json

    assert successor["limits"] == SOME


def test_what_cannot_be_changed_is_refused(api: Api) -> None:
    key_id = api.post(KEYS, BODY).json["id"]
    api.send("DELETE", f"{KEYS}/{key_id}")

    def change(key: str, body: Any) -> Any:
        answer = api.send("PATCH", f"{KEYS}/{key}", json=body)
        return answer.status_code, answer.json["error"]["code"], answer.json["error"]["param"]

    assert change(key_id, {"limits": SOME}) == (409, "key_not_live", None)
    assert change("key_" + "0" * 22, {"limits": SOME}) == (404, "key_not_found", None)
    assert change(key_id, {}) == (422, "invalid_request", "limits")
    assert change(key_id, {"limits": SOME, "tenant": "beta"}) == (422, "invalid_request", "tenant")
    assert change(key_id, {"limits": {"burst": 1}}) == (422, "invalid_request", "limits.burst")


@pytest.mark.parametrize(
    "limits", [None, "none", KeyLimits(requests_per_hour=7), KeyLimits(requests_per_minute=1, burst=2)]
)
def test_limits_are_read_as_they_were_stored(limits: Limits | None) -> None:
    assert unpack_limits(pack_limits(limits)) == limits


def test_a_limit_that_only_a_newer_release_knows_is_passed_over() -> None:
    assert unpack_limits('{"requests_per_hour":7,"requests_per_day":9}') == KeyLimits(requests_per_hour=7)

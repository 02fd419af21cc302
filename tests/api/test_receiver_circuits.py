"""The circuits of endpoints and of origins, as tenants see them and operators hold them."""

from __future__ import annotations

import time
from typing import Any

import pytest
from redis import Redis

from tests.api.conftest import Api, Sender

ORIGIN = "http://127.0.0.1:9"
FAILURES = 5


def entries(api: Api, query: str = "") -> dict[str, Any]:
    """Circuits of receivers, by key."""
    listed = api.get(f"/v1/circuits{query}").json["data"]
    return {one["key"]: one for one in listed if one["kind"] != "model"}


def tell(api: Api, *, origin: str = ORIGIN, jobs: int = 1) -> None:
    """Have jobs end whose own webhooks go to the origin; the endpoints that there are hear of them too."""
    for _ in range(jobs):
        hook = {"url": f"{origin}/hook", "events": ["job.cancelled"]}
        assert api.post(f"/v1/jobs/{api.submit(webhook=hook)}/cancel").status_code == 200


def send_all(sender: Sender, status: int | None = 500, error: str | None = "status") -> int:
    """Attempt all that is due; how many were sent."""
    sent = 0
    while leases := sender.send(status, error):
        sent += len(leases)
    return sent


@pytest.fixture
def endpoint(api: Api) -> str:
    """The key of the circuit of an endpoint."""
    return f"endpoint:{api.endpoint('job.cancelled')['id']}"


def test_each_endpoint_has_one_and_an_origin_once_an_attempt_has_ended(api: Api, sender: Sender, endpoint: str) -> None:
    unused = entries(api)
    tell(api)
    before = entries(api)
    sender.send(204)
    after = entries(api)

    assert [*unused] == [*before] == [endpoint]
    assert (unused[endpoint]["state"], unused[endpoint]["since"]) == ("closed", None)
    assert [*after] == [endpoint, f"origin:{ORIGIN}"]
    assert [one["kind"] for one in after.values()] == ["endpoint", "origin"]
    for key, one in after.items():
        assert one["window"] | {"calls": 1, "failures": 0} == one["window"]
        assert one["counts"]["succeeded"] == 1
        assert api.get(f"/v1/circuits/{key}").json == one | {"audit": []}


def test_an_origin_is_known_by_its_name_from_its_first_delivery_on(api: Api) -> None:
    key = f"origin:{ORIGIN}"
    assert api.get(f"/v1/circuits/{key}").status_code == 404
    tell(api)

    told = api.get(f"/v1/circuits/{key}").json
    assert (told["key"], told["state"], told["since"], told["audit"]) == (key, "closed", None, [])
    assert api.of("acme", "admin").get(f"/v1/circuits/{key}").status_code == 404
    held = api.post(f"/v1/circuits/{key}/force", {"state": "open"})
    assert (held.status_code, held.json) == (200, api.get(f"/v1/circuits/{key}").json)


def test_one_that_fails_is_told_as_open_and_when_it_is_tried_again(api: Api, sender: Sender, endpoint: str) -> None:
    tell(api, jobs=FAILURES)
    send_all(sender)

    for one in entries(api).values():
        assert (one["state"], one["trips_in_a_row"], one["counts"]["failed"]) == ("open", 1, FAILURES)
        assert one["since"] < one["reopens_at"]
    assert api.get(f"/v1/webhook_endpoints/{endpoint.removeprefix('endpoint:')}").json["circuit"] == "open"


def test_what_failed_within_two_minutes_is_in_the_window_and_a_look_takes_nothing_out_of_it(
    api: Api, sender: Sender, redis_client: Redis, endpoint: str
) -> None:
    tell(api)
    send_all(sender)
    for key in (endpoint, f"origin:{ORIGIN}"):
        window = f"frontier:circuit:receiver:window:default/{key.partition(':')[2]}"
        for seconds_ago in (90, 130):
            bucket = round((time.time() - seconds_ago) * 1000)
            redis_client.hset(window, mapping={f"{bucket}:calls": 2, f"{bucket}:failures": 2})
        for _ in range(2):
            told = entries(api)[key]["window"]
            assert (told["calls"], told["failures"], told["failure_rate"]) == (3, 3, 1.0)


@pytest.mark.parametrize("kind", ["endpoint", "origin"])
def test_an_operator_holds_it_and_nothing_is_sent_until_somebody_lets_go_of_it(
    api: Api, sender: Sender, endpoint: str, kind: str
) -> None:
    tell(api)
    sender.send(204)
    key, other = {"endpoint": (endpoint, f"origin:{ORIGIN}"), "origin": (f"origin:{ORIGIN}", endpoint)}[kind]
    admin = api.of("default", "admin")
    held = admin.post(f"/v1/circuits/{key}/force", {"state": "open"})
    tell(api)

    assert (held.status_code, held.json["key"], held.json["state"]) == (200, key, "open")
    assert held.json["forced"]["by"].startswith("key_")
    assert len(sender.send(204)) == 1, "the other one is sent to"
    assert entries(api)[other]["forced"] is None
    free = api.post(f"/v1/circuits/{key}/force", {"state": None}).json
    assert (free["state"], free["forced"]) == ("closed", None)
    assert [(one["state"], one["by"][:4]) for one in free["audit"]] == [(None, "oper"), ("open", "key_")]
    assert api.get(f"/v1/circuits/{key}").json == free
    assert len(sender.send(204)) == 1


def test_one_that_is_held_closed_goes_on_whatever_fails(api: Api, sender: Sender, endpoint: str) -> None:
    assert api.post(f"/v1/circuits/{endpoint}/force", {"state": "closed"}).json["forced"]["state"] == "closed"
    tell(api, jobs=FAILURES)
    send_all(sender)

    assert entries(api)[endpoint]["state"] == "closed"
    assert entries(api)[f"origin:{ORIGIN}"]["state"] == "open"


def test_a_tenant_sees_its_own_alone_and_an_operator_those_of_whom_it_names(
    api: Api, sender: Sender, endpoint: str
) -> None:
    acme = api.of("acme")
    theirs = f"endpoint:{acme.endpoint('job.cancelled')['id']}"
    for client in (api, acme):
        tell(client)
    send_all(sender)

    assert [*entries(acme)] == [theirs, f"origin:{ORIGIN}"]
    assert [*entries(api)] == [endpoint, f"origin:{ORIGIN}"]
    assert entries(api, "?tenant=acme") == entries(acme) == entries(acme, "?tenant=acme")
    assert entries(api, "?tenant=nobody") == {}
    refused = acme.get("/v1/circuits?tenant=default")
    assert (refused.status_code, refused.json["type"]) == (403, "/problems/missing-scope")


def test_an_operator_holds_what_is_another_tenant_s_and_no_one_else_s(api: Api, sender: Sender, endpoint: str) -> None:
    acme = api.of("acme")
    theirs = f"endpoint:{acme.endpoint('job.cancelled')['id']}"
    for client in (api, acme):
        tell(client)
    send_all(sender, 204, None)
    for key in (theirs, f"origin:{ORIGIN}"):
        held = api.post(f"/v1/circuits/{key}/force?tenant=acme", {"state": "open"})
        assert (held.status_code, held.json["forced"]["by"]) == (200, "operator")
        assert api.get(f"/v1/circuits/{key}?tenant=acme").json == held.json
        assert entries(acme)[key]["forced"] == held.json["forced"]
    for client in (api, acme):
        tell(client)

    assert send_all(sender, 204, None) == 2, "that is what is the operator's own"
    assert {one["forced"] for one in entries(api).values()} == {None}
    assert [*entries(api)] == [endpoint, f"origin:{ORIGIN}"]


@pytest.mark.parametrize("tenant", ["", "Acme", "a/b", "*"])
def test_what_is_no_tenant_is_named(api: Api, tenant: str) -> None:
    for answer in (
        api.get(f"/v1/circuits?tenant={tenant}"),
        api.get(f"/v1/circuits/model:poet?tenant={tenant}"),
        api.post(f"/v1/circuits/model:poet/force?tenant={tenant}", {"state": "open"}),
    ):
        assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "tenant")


def test_models_are_everybody_s_whoever_is_named(api: Api) -> None:
    held = api.post("/v1/circuits/model:poet/force?tenant=acme", {"state": "closed"}).json

    assert api.get("/v1/circuits/model:poet").json == held


def test_a_receiver_has_one_name(api: Api, sender: Sender, endpoint: str) -> None:
    tell(api)
    sender.send(204)
    _, _, endpoint_id = endpoint.partition(":")
    before = entries(api)

    for key in (
        f"origin:{endpoint_id}",
        f"endpoint:{ORIGIN}",
        f"endpoint:{endpoint_id}!test",
        "endpoint:",
        "origin:",
        f"origin:{ORIGIN}/",
        "origin:http://127.0.0.1:8",
        f"receiver:default/{endpoint_id}",
    ):
        for answer in (api.get(f"/v1/circuits/{key}"), api.post(f"/v1/circuits/{key}/force", {"state": "open"})):
            assert (answer.status_code, answer.json["type"]) == (404, "/problems/circuit-not-found"), key
    assert entries(api) == before


def test_the_key_of_an_origin_may_be_written_with_escapes(api: Api, sender: Sender) -> None:
    tell(api)
    sender.send(204)
    escaped = "origin%3Ahttp%3A%2F%2F127.0.0.1%3A9"

    assert api.get(f"/v1/circuits/{escaped}").json["key"] == f"origin:{ORIGIN}"
    assert api.post(f"/v1/circuits/{escaped}/force", {"state": "open"}).json["key"] == f"origin:{ORIGIN}"


def test_an_endpoint_that_was_deleted_has_none(api: Api, endpoint: str) -> None:
    api.post(f"/v1/circuits/{endpoint}/force", {"state": "open"})
    api.send("DELETE", f"/v1/webhook_endpoints/{endpoint.removeprefix('endpoint:')}")

    assert entries(api) == {}
    assert api.get(f"/v1/circuits/{endpoint}").status_code == 404
    assert api.post(f"/v1/circuits/{endpoint}/force", {"state": None}).status_code == 404


def test_of_origins_those_are_listed_that_are_held_or_were_used_last(api: Api, sender: Sender) -> None:
    origins = [f"http://127.0.0.1:{port}" for port in range(2_000, 2_102)]
    for origin in origins:
        tell(api, origin=origin)
        assert send_all(sender, 204, None) == 1
    listed = entries(api)
    api.post(f"/v1/circuits/origin:{origins[0]}/force", {"state": "open"})

    assert [*listed] == [f"origin:{origin}" for origin in origins[2:]]
    assert [*entries(api)] == [f"origin:{origin}" for origin in (origins[0], *origins[3:])]
    assert api.get(f"/v1/circuits/origin:{origins[1]}").json["counts"]["succeeded"] == 1

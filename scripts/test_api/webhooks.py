"""Webhook endpoints, the tenant's secret and the log of deliveries; nothing is sent beyond the system's own machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from scripts.test_api.answer import Answer, expect
from scripts.test_api.check import Case, case
from scripts.test_api.system import MARK, System

ENDPOINTS = "POST /v1/webhook_endpoints"
ENDPOINT = "/v1/webhook_endpoints/{id}"
DELETE = f"DELETE {ENDPOINT}"
OWN_URL = "http://127.0.0.1:9/frontier-test-api"
"""Nobody listens on the port for discarding; systems that are not set up for development refuse it anyway."""

UNKNOWN = "we_0000000000000000000000"
UNKNOWN_DELIVERY = "dlv_00000000000000000000000000000000"
QUIET_TYPE = "endpoint.disabling"
TEST_SECONDS = 45.0
ROTATE = {"keep_old_secret_active_for_24_hours": True}


@case("webhooks", ENDPOINTS, "an endpoint with its secret")
def create(system: System) -> str | None:
    with _endpoint(system) as (endpoint_id, answer):
        if endpoint_id is None:
            return f"refused as documented: {answer['title']}"
        expect(str(answer["signing_secret"]).startswith("whsec_"), "it has no secret")
        expect(answer["state"] == "enabled", f"its state is {answer['state']}")
    return None


@case("webhooks", ENDPOINTS, "422 for a URL that is none, which is named")
def bad_url(system: System) -> None:
    system.call(ENDPOINTS, json=_body() | {"url": "no URL"}).expect(422).blames("url")


@case("webhooks", "GET /v1/webhook_endpoints", "a page of endpoints")
def listing(system: System) -> None:
    expect(isinstance(system.call("GET /v1/webhook_endpoints").expect(200)["data"], list), "no list")


@case("webhooks", "GET /v1/webhook_event_types", "what an endpoint can hear of")
def types(system: System) -> None:
    expect("job.succeeded" in system.call("GET /v1/webhook_event_types").expect(200)["data"], "no job.succeeded")


def _one_case(method: str, tail: str, words: str, member: tuple[str, Any] | None, **body: Any) -> Case:
    """A call to one endpoint; where none can be made, an unknown one must be 404."""
    operation = f"{method} {ENDPOINT}{tail}"

    @case("webhooks", operation, words)
    def run(system: System) -> str | None:
        with _endpoint(system) as (endpoint_id, refusal):
            if endpoint_id is None:
                system.call(operation, UNKNOWN, json=body or None).refuses(404, "endpoint-not-found")
                return f"an unknown one is 404; one of its own is refused: {refusal['title']}"
            answer = system.call(operation, endpoint_id, json=body or None).expect(200, 202)
            expect(member is None or answer[member[0]] == member[1], f"{member} does not hold")
        return None

    return run


@case("webhooks", f"POST {ENDPOINT}/test", "what the endpoint has answered, or that it could not be reached")
def test_of_one(system: System) -> str | None:
    operation = f"POST {ENDPOINT}/test"
    body = {"event_type": QUIET_TYPE}
    with _endpoint(system) as (endpoint_id, refusal):
        if endpoint_id is None:
            system.call(operation, UNKNOWN, json=body).refuses(404, "endpoint-not-found")
            return f"an unknown one is 404; one of its own is refused: {refusal['title']}"
        answer = system.call(operation, endpoint_id, json=body, wait=TEST_SECONDS).expect(200, 502, 504)
        if answer.status == HTTPStatus.GATEWAY_TIMEOUT:
            answer.refuses(504, "test-not-sent")
        elif answer.status == HTTPStatus.BAD_GATEWAY:
            answer.refuses(502, "endpoint-not-reached")
    return None


@case("webhooks", "GET /v1/webhook_secret", "what may be told of the secret; 404 where there is none yet")
def secret(system: System) -> None:
    answer = system.call("GET /v1/webhook_secret").expect(200, 404)
    if answer.status == HTTPStatus.NOT_FOUND:
        answer.refuses(404, "webhook-secret-not-found")


@case("webhooks", "POST /v1/webhook_secret/rotate", "a new secret; the old one signs for another day")
def rotate(system: System) -> None:
    system.needs_disruption("receivers of jobs' webhooks would have to know the new secret")
    answer = system.call("POST /v1/webhook_secret/rotate", json=ROTATE).expect(200)
    expect(str(answer["signing_secret"]).startswith("whsec_"), "it shows no secret")


@case("deliveries", "GET /v1/deliveries", "a page of deliveries")
def deliveries(system: System) -> None:
    answer = system.call("GET /v1/deliveries", query={"limit": "1"}).expect(200)
    expect(len(answer["data"]) <= 1, "more than one")


@case("deliveries", "GET /v1/deliveries/{id}", "one with its attempts; an unknown one is 404")
def delivery(system: System) -> str | None:
    system.call("GET /v1/deliveries/{id}", UNKNOWN_DELIVERY).refuses(404, "delivery-not-found")
    listed = system.call("GET /v1/deliveries", query={"limit": "1"}).expect(200)["data"]
    if not listed:
        return "an unknown one is 404; there is none to look at"
    expect(
        "attempts" in (system.call("GET /v1/deliveries/{id}", listed[0]["id"]).expect(200).body or {}), "no attempts"
    )
    return None


@case("deliveries", "POST /v1/deliveries/{id}/replay", "an unknown one is 404; nothing is sent again")
def replay(system: System) -> None:
    system.call("POST /v1/deliveries/{id}/replay", UNKNOWN_DELIVERY).refuses(404, "delivery-not-found")


@case("deliveries", "POST /v1/deliveries/replay", "of an unknown endpoint it is 404, of all 422; nothing is sent again")
def replay_many(system: System) -> None:
    system.call("POST /v1/deliveries/replay", json={}).refuses(422, "invalid-request")
    answer = system.call("POST /v1/deliveries/replay", json={"endpoint_id": UNKNOWN})
    answer.refuses(404, "endpoint-not-found")


@contextmanager
def _endpoint(system: System) -> Iterator[tuple[str | None, Answer]]:
    """The id of an endpoint for the length of the block, or None; and the answer that made or refused it."""
    answer = system.call(ENDPOINTS, json=_body()).expect(200, 409, 422, 503)
    if answer.status != HTTPStatus.OK:
        expect(str(answer["type"]).startswith("/problems/"), "the refusal is no documented problem")
        yield None, answer
        return
    endpoint_id = str(answer["id"])
    try:
        yield endpoint_id, answer
    finally:
        if all(one.operation != DELETE for one in system.answers):
            system.call(DELETE, endpoint_id).expect(200, 404)


def _body() -> dict[str, Any]:
    return {"name": MARK, "url": OWN_URL, "event_types": [QUIET_TYPE]}


CASES = (
    create,
    bad_url,
    listing,
    types,
    _one_case("GET", "", "the endpoint without its secret", ("name", MARK)),
    _one_case("POST", "", "the endpoint as it was changed", ("name", "renamed"), name="renamed"),
    _one_case("POST", "/disable", "the endpoint, disabled", ("state", "disabled")),
    _one_case("POST", "/enable", "the endpoint, enabled", ("state", "enabled")),
    _one_case("POST", "/rotate_secret", "the endpoint with a new secret", None, **ROTATE),
    _one_case("POST", "/replay", "how many failed deliveries go again: none", ("replayed", 0)),
    test_of_one,
    _one_case("DELETE", "", "gone", ("deleted", True)),
    secret,
    rotate,
    deliveries,
    delivery,
    replay,
    replay_many,
)

"""Standing endpoints, as OpenAI's clients manage them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis import Redis

from api.endpoint_tests import EndpointTests
from api.errors import ProbeNotSent
from jobs.ids import new_id
from jobs.signature import Secret
from jobs.webhooks.endpoint import NewEndpoint
from jobs.webhooks.endpoints import MOST_ENDPOINTS, EndpointStore
from jobs.webhooks.event import EVENT_TYPES
from jobs.webhooks.log import DeliveryLog
from jobs.webhooks.sealing import Sealer
from tests.api.conftest import RECEIVER, SECRET_KEY, Api, Sender, Worker

PATH = "/v1/webhook_endpoints"
GOOD = {"name": "orders", "url": RECEIVER, "event_types": ["job.succeeded"]}


def everything_in(client: Redis) -> bytes:
    """All keys and values of the database, whatever their type."""
    read: dict[Any, Callable[[bytes], Any]] = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1),
        b"list": lambda key: client.lrange(key, 0, -1),
        b"stream": client.xrange,
    }
    return b"\n".join(part for key in client.scan_iter() for part in (key, *leaves(read[client.type(key)](key))))


def leaves(value: Any) -> Iterator[bytes]:
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        yield from leaves(list(value.items()))
    elif isinstance(value, list | tuple | set):
        for one in value:
            yield from leaves(one)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name"),
    ({"name": "x" * 201}, "name"),
    ({"name": 1}, "name"),
    ({"name": None}, "name"),
    ({"url": ""}, "url"),
    ({"url": 1}, "url"),
    ({"url": f"https://example.com/{'x' * 2048}"}, "url"),
    ({"url": "https://10.0.0.8/"}, "url"),
    ({"event_types": []}, "event_types"),
    ({"event_types": "job.succeeded"}, "event_types"),
    ({"event_types": ["succeeded"]}, "event_types[0]"),
    ({"event_types": ["job.succeeded", "eval.run.failed"]}, "event_types[1]"),
    ({"event_types": ["job.succeeded", "job.succeeded"]}, "event_types[1]"),
    ({"event_types": [None]}, "event_types[0]"),
    ({"signing_secret": "whsec_x"}, "signing_secret"),
    ({"state": "disabled"}, "state"),
]


@pytest.mark.parametrize(("given", "field"), BAD)
def test_what_is_wrong_with_an_endpoint_is_named(
    api: Api, redis_client: Redis, given: dict[str, Any], field: str
) -> None:
    response = api.post(PATH, GOOD | given)

    assert response.status_code == 422
    assert [error["field"] for error in response.json["errors"]] == [field]
    assert redis_client.dbsize() == 0


@pytest.mark.parametrize(("given", "field"), BAD)
def test_what_is_wrong_with_a_change_is_named_and_nothing_changes(api: Api, given: dict[str, Any], field: str) -> None:
    made = api.endpoint()

    response = api.post(f"{PATH}/{made['id']}", given)

    assert (response.status_code, response.json["errors"][0]["field"]) == (422, field)
    del made["signing_secret"]
    assert api.get(f"{PATH}/{made['id']}").json == made


@pytest.mark.parametrize("missing", ["name", "url", "event_types"])
def test_a_new_endpoint_needs_everything(api: Api, missing: str) -> None:
    response = api.post(PATH, {name: value for name, value in GOOD.items() if name != missing})

    assert (response.status_code, response.json["errors"][0]["field"]) == (422, missing)


def test_a_secret_is_shown_once_and_stored_sealed(api: Api, redis_client: Redis) -> None:
    made = api.endpoint()
    rotated = api.post(f"{PATH}/{made['id']}/rotate_secret", {"keep_old_secret_active_for_24_hours": True}).json
    own = api.post("/v1/webhook_secret/rotate").json
    texts = [shown["signing_secret"] for shown in (made, rotated, own)]

    assert len(set(texts)) == 3
    later = [api.get(path).text for path in (PATH, f"{PATH}/{made['id']}", "/v1/webhook_secret")]
    stored = everything_in(redis_client)
    for text in texts:
        secret = Secret.parse(text)
        assert all(text not in seen and text.removeprefix("whsec_") not in seen for seen in later)
        assert text.removeprefix("whsec_").encode() not in stored
        assert secret.key not in stored
        assert secret.key.hex().encode() not in stored
    assert api.get(f"{PATH}/{made['id']}").json["signing_secret_hint"] == Secret.parse(rotated["signing_secret"]).hint


def test_deliveries_are_signed_with_the_secrets_that_were_shown(api: Api, worker: Worker, sender: Sender) -> None:
    sealer = Sealer([SECRET_KEY])
    made = api.endpoint()
    path = f"{PATH}/{made['id']}/rotate_secret"
    rotated = api.post(path, {"keep_old_secret_active_for_24_hours": True}).json
    worker.run(api.submit())
    (lease,) = sender.leases()
    assert [sealer.unseal(sealed).text for sealed in lease.sealed_secrets] == [
        rotated["signing_secret"],
        made["signing_secret"],
    ]

    alone = api.post(path).json
    worker.run(api.submit())
    (lease,) = sender.leases()
    assert [sealer.unseal(sealed).text for sealed in lease.sealed_secrets] == [alone["signing_secret"]]


def test_too_many_live_secrets_are_refused(api: Api) -> None:
    path = f"{PATH}/{api.endpoint()['id']}/rotate_secret"
    for _ in range(4):
        assert api.post(path, {"keep_old_secret_active_for_24_hours": True}).status_code == 200

    refused = api.post(path, {"keep_old_secret_active_for_24_hours": True})

    assert (refused.status_code, refused.json["type"]) == (409, "/problems/too-many-secrets")
    assert refused.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_whether_the_old_secret_is_kept_is_true_or_false(api: Api, value: Any) -> None:
    body = {"keep_old_secret_active_for_24_hours": value}

    for path in (f"{PATH}/{api.endpoint()['id']}/rotate_secret", "/v1/webhook_secret/rotate"):
        response = api.post(path, body)
        assert (response.status_code, response.json["errors"][0]["field"]) == (422, next(iter(body)))


def test_the_endpoints_are_paged(api: Api) -> None:
    ids = [api.endpoint(name=f"n{number}")["id"] for number in range(5)]

    seen: list[str] = []
    after = ""
    while True:
        page = api.get(f"{PATH}?limit=2{after}").json
        seen += [endpoint["id"] for endpoint in page["data"]]
        assert (page["first_id"], page["last_id"]) == (page["data"][0]["id"], page["data"][-1]["id"])
        if not page["has_more"]:
            break
        after = f"&after={page['last_id']}"
    assert sorted(seen) == sorted(ids)
    assert len(seen) == 5


@pytest.mark.parametrize(
    ("query", "field"), [("after=we_x", "after"), ("limit=0", "limit"), ("limit=101", "limit"), ("before=x", "before")]
)
def test_a_wrong_page_is_refused(api: Api, query: str, field: str) -> None:
    response = api.get(f"{PATH}?{query}")

    assert (response.status_code, response.json["errors"][0]["field"]) == (422, field)


def test_one_endpoint_too_many_is_refused(api: Api) -> None:
    for _ in range(MOST_ENDPOINTS):
        api.endpoint()

    refused = api.post(PATH, GOOD)

    assert (refused.status_code, refused.json["type"]) == (409, "/problems/endpoint-limit")
    assert str(MOST_ENDPOINTS) in refused.json["detail"]


def test_a_change_leaves_the_rest(api: Api) -> None:
    made = api.endpoint()

    changed = api.post(f"{PATH}/{made['id']}", {"name": "bills", "event_types": ["job.failed", "job.expired"]}).json

    assert (changed["name"], changed["event_types"], changed["url"]) == (
        "bills",
        ["job.failed", "job.expired"],
        RECEIVER,
    )
    assert "signing_secret" not in changed
    assert changed["signing_secret_hint"] == made["signing_secret_hint"]


def test_an_endpoint_is_disabled_enabled_and_deleted(api: Api, worker: Worker, sender: Sender) -> None:
    path = f"{PATH}/{api.endpoint()['id']}"

    disabled = api.post(f"{path}/disable").json
    worker.run(api.submit())
    assert (disabled["state"], disabled["disabled_reason"]) == ("disabled", "asked")
    assert isinstance(disabled["disabled_at"], int)
    assert sender.leases() == []
    replay = api.post(f"{path}/replay")
    assert (replay.status_code, replay.json["type"]) == (409, "/problems/endpoint-disabled")

    enabled = api.post(f"{path}/enable").json
    assert (enabled["state"], enabled["disabled_reason"], enabled["disabled_at"]) == ("enabled", None, None)
    assert api.post(f"{path}/replay").json == {"object": "replay", "replayed": 1, "next_cursor": None}
    assert api.get(path).json["waiting"] == 1

    deleted = api.send("DELETE", path).json
    assert deleted == {"id": path.rpartition("/")[2], "object": "webhook_endpoint.deleted", "deleted": True}
    assert api.get(path).status_code == 404


@pytest.mark.parametrize("endpoint_id", [f"we_{'0' * 22}", "we_x", "x" * 300, "%00"])
def test_an_unknown_endpoint_is_404(api: Api, endpoint_id: str) -> None:
    path = f"{PATH}/{endpoint_id}"
    answers = [
        api.get(path),
        api.post(path, {"name": "bills"}),
        api.send("DELETE", path),
        api.post(f"{path}/rotate_secret"),
        api.post(f"{path}/test", {"event_type": "job.failed"}),
        api.post(f"{path}/enable"),
        api.post(f"{path}/disable"),
        api.post(f"{path}/replay"),
    ]

    assert [(answer.status_code, answer.json["type"]) for answer in answers] == [
        (404, "/problems/endpoint-not-found")
    ] * 8


def test_an_endpoint_of_another_tenant_is_as_unknown(api: Api, redis_client: Redis) -> None:
    foreign = f"we_{'7' * 22}"
    EndpointStore(redis_client).create(
        NewEndpoint(id=foreign, tenant="other", name="theirs", url=RECEIVER, event_types=("job.failed",)),
        sealed=b"sealed",
        hint="whsec_…",
    )

    assert api.get(f"{PATH}/{foreign}").json["type"] == "/problems/endpoint-not-found"
    assert api.send("DELETE", f"{PATH}/{foreign}").status_code == 404
    assert api.get(PATH).json["data"] == []
    assert api.get(f"{PATH}?after={foreign}").status_code == 422


def test_the_types_of_events_are_listed(api: Api) -> None:
    assert api.get("/v1/webhook_event_types").json == {"object": "list", "data": list(EVENT_TYPES)}


def answer_to_test(
    api: Api, sender: Sender, status: int | None, error: str | None, event_type: str = "job.failed"
) -> Any:
    """The answer to a test that a sender serves while it is waited for."""
    path = f"{PATH}/{api.endpoint()['id']}/test"
    sent: list[Any] = []

    def serve() -> None:
        while not sent:
            sent.extend(sender.send(status, error))
            threading.Event().wait(0.01)

    serving = threading.Thread(target=serve)
    serving.start()
    response = api.post(path, {"event_type": event_type})
    serving.join()
    (lease,) = sent
    assert lease.is_test
    return response, lease


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_a_test_sends_a_sample_of_its_type(api: Api, sender: Sender, event_type: str) -> None:
    response, lease = answer_to_test(api, sender, 204, None, event_type)

    body = json.loads(lease.body)
    assert response.json["status_code"] == 204
    assert (body["id"], body["type"], body["object"]) == (lease.event_id, event_type, "event")
    assert body["data"]["id"].endswith("_test")
    assert list(body) == ["id", "object", "created_at", "type", "timestamp", "data"]


def test_a_test_tells_what_was_answered(api: Api, sender: Sender) -> None:
    response, lease = answer_to_test(api, sender, 500, "status")

    assert response.json == {
        "object": "webhook_endpoint.test",
        "webhook_endpoint_id": lease.endpoint_id,
        "event_type": "job.failed",
        "success": True,
        "status_code": 500,
        "delivery_id": lease.delivery_id,
        "error": "status",
    }


def test_a_test_without_an_answer_is_a_problem(api: Api, sender: Sender) -> None:
    response, lease = answer_to_test(api, sender, None, "connect")

    assert (response.status_code, response.json["type"]) == (502, "/problems/endpoint-not-reached")
    assert "connect" in response.json["detail"]
    assert lease.delivery_id in response.json["detail"]
    assert response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("body", [{}, {"event_type": "job.started"}, {"event_type": 1}, {"event_type": None}])
def test_a_test_names_a_known_type(api: Api, body: Any) -> None:
    response = api.post(f"{PATH}/{api.endpoint()['id']}/test", body)

    assert (response.status_code, response.json["errors"][0]["field"]) == (422, "event_type")


@pytest.mark.parametrize(("seconds", "is_ending"), [(30.0, False), (0.0, True)])
def test_a_test_that_nobody_sends_is_given_up(
    api: Api, redis_client: Redis, *, seconds: float, is_ending: bool
) -> None:
    paused: list[float] = []
    tests = EndpointTests(
        store=EndpointStore(redis_client),
        log=DeliveryLog(redis_client),
        new_id=lambda: new_id("evt"),
        clock=lambda: 1_795_384_800.0,
        monotonic=lambda: sum(paused),
        pause=paused.append,
        is_ending=lambda: is_ending,
    )

    with pytest.raises(ProbeNotSent, match="No webhook worker has sent dlv_"):
        tests.run("default", api.endpoint()["id"], "job.failed")

    assert seconds <= sum(paused) < seconds + 1
    assert max([0.0, *paused]) <= 0.5

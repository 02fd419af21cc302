"""What is another tenant's is as what does not exist, on every route: same status, same body, same headers."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from redis import Redis

from api.addresses import REFUSAL
from api.pages import cursor_of, death_cursor_of
from api.process import ApiProcess
from tests.api.conftest import RECEIVER, TOKEN, Api, Sender, Worker

MODELS = """
models:
  poet:
    engine: scripted
  encoder:
    engine: scripted
    script: {dimensions: 2}
"""
MISSING = {
    "job_id": "job_" + "0" * 22,
    "response_id": "resp_" + "0" * 22,
    "webhook_endpoint_id": "we_" + "0" * 22,
    "delivery_id": "dlv_" + "0" * 32,
    "key_id": "key_" + "0" * 22,
    "file_id": "file-" + "0" * 22,
    "batch_id": "batch_" + "0" * 22,
    "tenant": "nobody",
    "key": "endpoint:we_" + "0" * 22,
}
_IDS = re.compile(r"\b(job|resp|we|evt|dlv|key|file|batch|chatcmpl|cmpl)[_-][0-9A-Za-z]{22,}")
_PLACES = re.compile(r'"(position|tokens_ahead|eta_s)":[0-9.]+')
_TIMES = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z|\b1[6-9]\d{8}\b|\bmsg_\w+")
PROMPT = {"prompt": "Hark!"}
CHAT = {"messages": [{"role": "user", "content": "Hark!"}]}
RESPONSE = {"input": "Hark!", "background": True}
BATCH = {"endpoint": "/v1/completions", "completion_window": "24h"}


@dataclass
class Theirs:
    """What tenant A has, each by the name under which a route asks for it."""

    ids: dict[str, list[str]]
    order: str
    idempotency_key: str
    event_id: str
    cursor: str
    death_cursor: str
    snapshot: Callable[[], list[str]]


@dataclass(frozen=True, kw_only=True)
class Call:
    """One way to name something; `foreign` names what A has, `missing` what nobody has; both are answered `status`."""

    foreign: Mapping[str, Any]
    missing: Mapping[str, Any]
    status: int


NONE = "00000000-0000-4000-8000-000000000000"


def with_key(theirs: Theirs, status: int, **body: Any) -> Call:
    """A submit under A's idempotency key."""
    headers = {"Prefer": "respond-async"}
    return Call(
        foreign={"json": body, "headers": headers | {"Idempotency-Key": theirs.idempotency_key}},
        missing={"json": body, "headers": headers | {"Idempotency-Key": NONE}},
        status=status,
    )


def query(name: str, foreign: str, missing: str, status: int = 200) -> Call:
    return Call(foreign={"query_string": {name: foreign}}, missing={"query_string": {name: missing}}, status=status)


def body(foreign: Mapping[str, Any], missing: Mapping[str, Any], status: int = 200) -> Call:
    return Call(foreign={"json": foreign}, missing={"json": missing}, status=status)


def named(theirs: Theirs) -> dict[str, list[Call]]:
    """Per call without a parameter in its path, the ways to name something in its query, body or headers.

    An empty list says that there is none. A new route without an entry fails the test.
    """
    endpoint, delivery = theirs.ids["webhook_endpoint_id"][0], theirs.ids["delivery_id"][0]
    no_endpoint, no_delivery = MISSING["webhook_endpoint_id"], MISSING["delivery_id"]
    retry = {"X-Stainless-Retry-Count": "1"}
    return {
        "GET /health": [],
        "GET /health/live": [],
        "GET /health/ready": [],
        "GET /v1/models": [],
        "GET /v1/queue": [],
        "GET /v1/usage": [query("tenant", "default", "nobody", 403)],
        "GET /v1/cache": [],
        "GET /v1/limits": [],
        "GET /v1/circuits": [query("tenant", "default", "nobody", 403)],
        "GET /v1/webhook_event_types": [],
        "GET /v1/webhook_secret": [],
        "POST /v1/webhook_secret/rotate": [],
        "POST /v1/webhook_endpoints": [],
        "POST /v1/admin/keys": [],
        "GET /v1/admin/tenants": [query("after", "default", "nobody", 403)],
        "GET /v1/admin/keys": [query("after", theirs.ids["key_id"][0], MISSING["key_id"], 403)],
        "POST /v1/jobs": [with_key(theirs, 202, input=PROMPT)],
        "POST /v1/infer": [with_key(theirs, 202, **PROMPT)],
        "POST /v1/completions": [with_key(theirs, 503, model="poet", **PROMPT)],
        "POST /v1/embeddings": [with_key(theirs, 503, model="encoder", input="Hark!")],
        "POST /v1/chat/completions": [
            with_key(theirs, 503, model="poet", **CHAT),
            Call(
                foreign={"json": {"model": "poet", **CHAT}, "headers": retry},
                missing={"json": {"model": "poet", "messages": [{"role": "user", "content": "Halt!"}]}},
                status=503,
            ),
        ],
        "POST /v1/responses": [
            with_key(theirs, 200, model="poet", **RESPONSE),
            body(
                {"model": "poet", **RESPONSE, "previous_response_id": theirs.ids["response_id"][0]},
                {"model": "poet", **RESPONSE, "previous_response_id": MISSING["response_id"]},
                400,
            ),
        ],
        "GET /v1/jobs": [
            query("metadata.order", theirs.order, NONE),
            query("cursor", theirs.cursor, str(cursor_of(10**9))),
            query("batch", theirs.ids["batch_id"][0], MISSING["batch_id"]),
        ],
        "POST /v1/jobs/cancel": [
            body({"metadata": {"order": theirs.order}}, {"metadata": {"order": NONE}}),
            body(
                {"metadata": {"order": theirs.order}, "cursor": theirs.cursor},
                {"metadata": {"order": NONE}, "cursor": cursor_of(10**9)},
            ),
        ],
        "GET /v1/dead-letters": [
            query("cursor", theirs.death_cursor, str(death_cursor_of((10**13, MISSING["job_id"]))))
        ],
        "GET /v1/events": [query("after", theirs.event_id, "evt_" + "0" * 15 + "1" + "0" * 22)],
        "POST /v1/files": [],
        "GET /v1/files": [query("after", theirs.ids["file_id"][0], MISSING["file_id"], 400)],
        "POST /v1/batches": [
            body(
                {**BATCH, "input_file_id": theirs.ids["file_id"][0]},
                {**BATCH, "input_file_id": MISSING["file_id"]},
                400,
            ),
            with_key(theirs, 400, **BATCH, input_file_id=MISSING["file_id"]),
        ],
        "GET /v1/batches": [query("after", theirs.ids["batch_id"][0], MISSING["batch_id"], 400)],
        "GET /v1/webhook_endpoints": [query("after", endpoint, no_endpoint, 422)],
        "GET /v1/deliveries": [query("after", delivery, no_delivery, 422), query("endpoint", endpoint, no_endpoint)],
        "POST /v1/deliveries/replay": [body({"endpoint_id": endpoint}, {"endpoint_id": no_endpoint}, 404)],
    }


BODIES: Mapping[str, Any] = {
    "POST /v1/webhook_endpoints/<webhook_endpoint_id>": {"name": "taken over"},
    "POST /v1/webhook_endpoints/<webhook_endpoint_id>/test": {"event_type": "job.succeeded"},
    "POST /v1/circuits/<path:key>/force": {"state": "open"},
}
"""What calls with a parameter in their path are sent, if they need anything."""

OF_ALL = {
    "GET /v1/models/<path:name>",
    "POST /v1/models/<path:name>/pause",
    "POST /v1/models/<path:name>/drain",
    "POST /v1/models/<path:name>/resume",
}
"""Models belong to no tenant."""

OF_OPERATORS = ("/v1/admin/", "/v1/circuits/")
"""What lies below needs the scope admin, whatever is named there."""


def routes(process: ApiProcess) -> list[str]:
    return [
        f"{method} {rule.rule}"
        for rule in process.url_map.iter_rules()
        if rule.rule.startswith(("/v1/", "/health")) and not rule.endpoint.startswith(REFUSAL)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


@pytest.fixture(scope="module")
def hasty(make_process: Callable[..., ApiProcess], tmp_path_factory: pytest.TempPathFactory) -> ApiProcess:
    """No worker runs here: requests that wait give up at once."""
    config = tmp_path_factory.mktemp("models") / "models.yaml"
    config.write_text(MODELS)
    return make_process({"API_FOREGROUND_S": "0.1", "TRUTHGPT_CONFIG": str(config), "FILES_URL": "memory://tenants"})


@pytest.fixture
def operator(hasty: ApiProcess, redis_url: str) -> Api:
    del redis_url
    return Api(hasty.test_client())


@pytest.fixture
def theirs(operator: Api, worker: Worker, sender: Sender, redis_client: Redis) -> Theirs:
    """The tenant A, which is the one that the hands of the tests work for, and all that it can have."""
    a = operator.of("default")
    key = operator.get("/v1/admin/keys").json["data"][0]["id"]
    endpoint = a.endpoint("job.succeeded", "job.failed")["id"]
    final = a.submit(webhook={"url": RECEIVER}, metadata={"order": "A-42"})
    worker.run(final)
    form = {"file": (io.BytesIO(b"lines"), "a.jsonl"), "purpose": "batch"}
    file = a.send("POST", "/v1/files", data=form).json["id"]
    batch = a.send(
        "POST", "/v1/batches", json={**BATCH, "input_file_id": file}, headers={"Idempotency-Key": "the-key-of-A"}
    ).json["id"]
    deliveries = [lease.delivery_id for lease in sender.send(500, "status")]
    responses = []
    for _ in range(2):
        responses.append(a.post("/v1/responses", {"model": "poet", **RESPONSE, "store": True}).json["id"])
        worker.run(responses[-1])
    running = a.submit(metadata={"order": "A-42"})
    worker.claim(running)
    dead = a.submit(metadata={"order": "A-42"})
    worker.give_up(dead)
    retired = a.submit(retention_s=60)
    worker.run(retired)
    redis_client.zadd("frontier:retire", {f"default/{retired}": 1})
    worker.store.sweep()
    assert a.get(f"/v1/jobs/{retired}").status_code == 410
    submitted = a.send(
        "POST",
        "/v1/jobs",
        json={"input": {"prompt": "Hark!"}, "metadata": {"order": "A-42"}},
        headers={"Idempotency-Key": "the-key-of-A"},
    ).json["id"]
    a.post("/v1/chat/completions", {"model": "poet", **CHAT})

    def snapshot() -> list[str]:
        listed = ("dead-letters", "deliveries", "webhook_endpoints", "events", "files", "batches")
        paths = ("/v1/jobs?limit=100", *(f"/v1/{name}" for name in listed))
        circuits = [one for one in a.get("/v1/circuits").json["data"] if one["kind"] != "model"]
        return [*(a.get(path).text for path in (*paths, "/v1/webhook_secret")), str(circuits)]

    return Theirs(
        ids={
            "job_id": [final, running, dead, retired, submitted, responses[0]],
            "response_id": [*responses, final],
            "webhook_endpoint_id": [endpoint],
            "delivery_id": deliveries,
            "key_id": [key],
            "file_id": [file],
            "batch_id": [batch],
            "tenant": ["default"],
            "key": [f"endpoint:{endpoint}", f"origin:{RECEIVER.removesuffix('/hook')}"],
        },
        order="A-42",
        idempotency_key="the-key-of-A",
        event_id=a.get("/v1/events?limit=1").json["last_id"],
        cursor=a.get("/v1/jobs?limit=1").json["next_cursor"],
        death_cursor=str(death_cursor_of((10**13, dead))),
        snapshot=snapshot,
    )


def told(answer: Any) -> tuple[int, str, dict[str, str]]:
    """All of an answer but the ids, the moments and, of a job that waits, the place in the queue."""
    passed_over = {"x-request-id", "Content-Length"} | ({"Retry-After"} if answer.status_code == 202 else set())
    headers = {name: plain(value) for name, value in answer.headers.items() if name not in passed_over}
    return answer.status_code, plain(answer.text), headers


def plain(text: str) -> str:
    return _PLACES.sub("PLACE", _TIMES.sub("MOMENT", _IDS.sub("ID", text)))


def test_every_route_says_what_can_be_named_there(hasty: ApiProcess, theirs: Theirs) -> None:
    bare = {route for route in routes(hasty) if "<" not in route}
    parameters = {name for route in set(routes(hasty)) - OF_ALL for name in re.findall(r"<(?:\w+:)?(\w+)>", route)}

    assert set(named(theirs)) == bare
    assert parameters == set(MISSING)
    assert set(routes(hasty)) >= OF_ALL | set(BODIES)


def test_what_is_another_tenants_is_as_what_does_not_exist(hasty: ApiProcess, operator: Api, theirs: Theirs) -> None:
    b = operator.of("beta", "jobs:write", "jobs:read", "webhooks:manage")
    before = theirs.snapshot()
    compared = 0

    for route in set(routes(hasty)) - OF_ALL:
        method, _, rule = route.partition(" ")
        for place, parameter in re.findall(r"(<(?:path:)?(\w+)>)", rule):
            for foreign in theirs.ids[parameter]:
                answers = [
                    told(b.send(method, rule.replace(place, one), json=BODIES.get(route)))
                    for one in (foreign, MISSING[parameter])
                ]
                assert answers[0] == answers[1], (route, foreign)
                assert answers[0][0] == (403 if rule.startswith(OF_OPERATORS) else 404), (route, answers[0])
                compared += 1
    for route, ways in named(theirs).items():
        method, _, rule = route.partition(" ")
        for call in ways:
            compared += 1
            newcomer = operator.of(f"b{compared}")
            as_theirs, as_none = (
                told(newcomer.send(method, rule, **dict(way))) for way in (call.foreign, call.missing)
            )
            assert as_theirs == as_none, route
            assert as_theirs[0] == call.status, (route, as_theirs)

    assert compared > 60
    assert theirs.snapshot() == before, "B has changed something of A's"


@pytest.mark.parametrize("kind", ["endpoint", "origin"])
def test_a_receiver_of_another_tenant_has_no_circuit_also_for_an_admin_who_does_not_say_whose(
    operator: Api, theirs: Theirs, kind: str
) -> None:
    b = operator.of("beta", "admin", "jobs:read")
    before = theirs.snapshot()
    [foreign] = [key for key in theirs.ids["key"] if key.startswith(kind)]
    missing = {"endpoint": MISSING["key"], "origin": "origin:http://127.0.0.1:8"}[kind]

    for method, path, body in (
        ("GET", "/v1/circuits/{}", None),
        ("GET", "/v1/circuits/{}/force", None),
        ("POST", "/v1/circuits/{}/force", {"state": "open"}),
        ("GET", "/v1/circuits/{}?tenant=gamma", None),
        ("POST", "/v1/circuits/{}/force?tenant=gamma", {"state": None}),
    ):
        status, as_foreign, headers = told(b.send(method, path.format(foreign), json=body))
        assert (status, as_foreign.replace(plain(foreign), plain(missing)), headers) == told(
            b.send(method, path.format(missing), json=body)
        )
        assert status == 404

    assert {one["kind"] for one in b.get("/v1/circuits").json["data"]} == {"model"}
    assert theirs.snapshot() == before


def test_a_stream_of_another_tenant_is_as_one_that_does_not_exist(operator: Api, theirs: Theirs) -> None:
    b = operator.of("beta")
    for path in ("/v1/jobs/{}/events?after=0", "/v1/jobs/{}/events"):
        answers = [told(b.get(path.format(one))) for one in (*theirs.ids["job_id"], MISSING["job_id"])]
        assert answers == [answers[-1]] * len(answers)
    path = "/v1/responses/{}?stream=true&starting_after=0"
    answers = [told(b.get(path.format(one))) for one in (*theirs.ids["response_id"], MISSING["response_id"])]
    assert answers == [answers[-1]] * len(answers)


def test_what_is_made_under_another_tenants_key_of_a_submit_is_a_new_job(operator: Api, theirs: Theirs) -> None:
    b = operator.of("beta")
    call = with_key(theirs, 202, input={"prompt": "Another!"})
    made = b.send("POST", "/v1/jobs", **dict(call.foreign))

    assert made.status_code == 202
    assert made.json["id"] not in theirs.ids["job_id"]
    assert [job["id"] for job in b.get("/v1/jobs").json["data"]] == [made.json["id"]]


@pytest.mark.usefixtures("theirs")
def test_each_tenant_has_secrets_and_events_of_its_own(operator: Api) -> None:
    b = operator.of("beta")

    assert b.get("/v1/webhook_secret").status_code == 404
    assert b.get("/v1/events").json["data"] == []
    assert b.get("/v1/deliveries").json["data"] == []
    assert b.post("/v1/webhook_secret/rotate").json["live"] == 1
    assert b.get("/v1/webhook_endpoints").json["data"] == []


def test_keys_of_one_tenant_see_the_same(operator: Api) -> None:
    first, second = operator.of("beta"), operator.of("beta")

    assert second.get(f"/v1/jobs/{first.submit()}").status_code == 200


def test_streams_are_counted_for_each_key(make_process: Callable[..., ApiProcess], redis_url: str) -> None:
    del redis_url
    operator = Api(make_process({"API_STREAMS_PER_KEY": "1"}).test_client(), TOKEN)
    first, second = operator.of("beta"), operator.of("beta")
    job_id = first.submit()
    path = f"/v1/jobs/{job_id}/events"

    with first.get(path, Accept="text/event-stream") as taken:
        assert taken.status_code == 200
        assert first.get(path).status_code == 429
        with second.get(path) as other:
            assert other.status_code == 200

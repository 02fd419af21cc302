"""How often a key may ask, what it is charged for, and what it is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from api.process import ApiProcess
from jobs.files.file import NewFile, Purpose
from jobs.files.store import FileStore
from jobs.store import JobStore
from scripts.ports import free_port
from tests.api.conftest import TOKEN, Api, Worker
from tests.api.limited import is_limited, policies, remaining
from tests.api.test_scopes import calls

LIMIT = 6
MODELS = """
models:
  poet:
    engine: scripted
  encoder:
    engine: scripted
    script: {dimensions: 2}
"""
BODY = {"input": {"prompt": "Hark!"}}
CHAT = {"model": "poet", "messages": [{"role": "user", "content": "Hark!"}]}
INPUT = NewFile(id="file-" + "1" * 22, tenant="acme", filename="lines.jsonl", purpose=Purpose.BATCH, bytes=0)
SUBMITS: dict[str, dict[str, Any]] = {
    "/v1/jobs": BODY,
    "/v1/infer": {"prompt": "Hark!"},
    "/v1/chat/completions": CHAT,
    "/v1/completions": {"model": "poet", "prompt": "Hark!"},
    "/v1/embeddings": {"model": "encoder", "input": "Hark!"},
    "/v1/responses": {"model": "poet", "input": "Hark!", "background": True},
    "/v1/batches": {
        "input_file_id": INPUT.id,
        "endpoint": "/v1/completions",
        "completion_window": "24h",
        "metadata": {"said": "Hark!"},
    },
}
OPEN = ("/health", "/health/live", "/health/ready", "/docs", "/docs/docs.js", "/openapi.json", "/problems/rate-limited")


@pytest.fixture(scope="module")
def limited(make_process: Callable[..., ApiProcess], tmp_path_factory: pytest.TempPathFactory) -> ApiProcess:
    config = tmp_path_factory.mktemp("models") / "models.yaml"
    config.write_text(MODELS)
    env = {"RATE_LIMIT_RPM": str(LIMIT), "TRUTHGPT_CONFIG": str(config), "API_FOREGROUND_S": "0.1"}
    return make_process(env)


@pytest.fixture
def api(limited: ApiProcess, redis_url: str) -> Api:
    """The operator, who has the same limits as everybody."""
    del redis_url
    return Api(limited.test_client())


def key(store: JobStore, api: Api, limits: Any = None, *scopes: str) -> Api:
    """A client whose key has these limits; what it took to make it is not counted."""
    del store
    body = {"tenant": "acme", "scopes": scopes or ["jobs:write", "jobs:read", "webhooks:manage", "admin"]}
    return Api(api.client, api.post("/v1/admin/keys", body | {"limits": limits}).json["key"])


@pytest.fixture
def acme(store: JobStore, api: Api, redis_client: Redis) -> Api:
    """A client, whose tenant has a file to make batches of."""
    files = FileStore(redis_client)
    files.expect(INPUT.tenant, INPUT.id, within_seconds=60)
    files.add(INPUT)
    return key(store, api)


def exhaust(client: Api, *, path: str = "/v1/jobs", times: int = LIMIT) -> None:
    for _ in range(times):
        assert client.post(path, BODY).status_code == 202


def different(body: dict[str, Any]) -> Any:
    """The same with another text."""
    return json.loads(json.dumps(body).replace("Hark!", "Halt!"))


def standing(client: Api) -> dict[str, int]:
    """What is left of each window, by a call that takes nothing."""
    answer = client.get("/v1/limits")
    assert answer.status_code == 200, answer.text
    return {one["name"]: one["remaining"] for each in answer.json["classes"] for one in each["windows"]}


def test_as_many_are_let_in_as_may_be_and_the_next_makes_no_job(acme: Api, store: JobStore) -> None:
    left = []
    for _ in range(LIMIT):
        answer = acme.post("/v1/jobs", BODY)
        assert answer.status_code == 202
        assert policies(answer) == {"submit": (LIMIT, 60)}
        left.append(remaining(answer)["submit"])
    refused = acme.post("/v1/jobs", BODY)

    assert left == list(range(LIMIT - 1, -1, -1))
    assert (refused.status_code, refused.json["type"], refused.json["retryable"]) == (
        429,
        "/problems/rate-limited",
        True,
    )
    assert refused.json["violated-policies"] == ["submit"]
    assert remaining(refused) == {"submit": 0}
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["x-ratelimit-limit-requests"] == str(LIMIT)
    assert len(store.list("acme", limit=100).jobs) == LIMIT


def test_each_key_has_its_own_windows_also_beside_one_of_the_same_tenant(acme: Api, api: Api, store: JobStore) -> None:
    exhaust(acme)

    assert acme.post("/v1/jobs", BODY).status_code == 429
    assert key(store, api).post("/v1/jobs", BODY).status_code == 202
    assert api.post("/v1/jobs", BODY).status_code == 202


def test_each_class_has_its_own_windows_and_reads_ten_times_the_room(acme: Api) -> None:
    exhaust(acme)

    assert standing(acme) == {"submit": 0, "read": 10 * LIMIT, "manage": LIMIT}
    assert policies(acme.get("/v1/jobs")) == {"read": (10 * LIMIT, 60)}
    assert policies(acme.post("/v1/jobs/cancel", {"metadata": {"order": "42"}})) == {"manage": (LIMIT, 60)}
    assert standing(acme) == {"submit": 0, "read": 10 * LIMIT - 1, "manage": LIMIT - 1}


def test_the_operators_key_has_the_same_limits_as_every_other(api: Api) -> None:
    exhaust(api)

    assert api.post("/v1/jobs", BODY).status_code == 429


@pytest.mark.parametrize("path", SUBMITS)
def test_a_repeat_costs_nothing_on_any_interface_also_when_nothing_is_left(acme: Api, path: str) -> None:
    headers = {"Idempotency_Key": "k", "Prefer": "respond-async"}
    acme.post(path, SUBMITS[path], **headers)
    assert standing(acme)["submit"] == LIMIT - 1
    again = acme.post(path, SUBMITS[path], **headers)
    assert standing(acme)["submit"] == LIMIT - 1
    assert remaining(again) == {"submit": LIMIT - 1}

    exhaust(acme, times=LIMIT - 1)
    repeats = [acme.post(path, SUBMITS[path], **headers) for _ in range(3)]
    other = acme.post(path, different(SUBMITS[path]), **headers)

    assert {one.status_code for one in repeats} == {again.status_code} != {429}
    assert {remaining(one)["submit"] for one in (*repeats, other)} == {0}
    assert other.json["error"]["code"] == "idempotency_mismatch"
    assert acme.post(path, SUBMITS[path]).status_code == 429


def test_when_nothing_is_left_a_repeat_says_when_to_look_at_its_job_and_not_when_to_submit(acme: Api) -> None:
    made = acme.post("/v1/jobs", BODY, Idempotency_Key="k")
    exhaust(acme, times=LIMIT - 1)
    again = acme.post("/v1/jobs", BODY, Idempotency_Key="k")
    other = acme.post("/v1/jobs", different(BODY), Idempotency_Key="k")

    assert (again.status_code, again.headers["Retry-After"]) == (202, made.headers["Retry-After"])
    assert (other.status_code, "Retry-After" in other.headers) == (422, False)


def test_a_key_that_was_used_for_another_body_costs_nothing(acme: Api) -> None:
    acme.post("/v1/jobs", BODY, Idempotency_Key="k")
    mismatch = acme.post("/v1/jobs", {"input": {"prompt": "Halt!"}}, Idempotency_Key="k")

    assert (mismatch.status_code, mismatch.json["error"]["code"]) == (422, "idempotency_mismatch")
    assert remaining(mismatch) == {"submit": LIMIT - 1}
    assert standing(acme)["submit"] == LIMIT - 1


def test_a_repeated_requeue_costs_nothing_and_one_of_a_job_that_was_erased_does(acme: Api, store: JobStore) -> None:
    old = acme.submit()
    acme.post(f"/v1/jobs/{old}/cancel")
    made = acme.post(f"/v1/jobs/{old}/requeue")
    assert (made.status_code, remaining(made)) == (202, {"submit": LIMIT - 2})
    again = acme.post(f"/v1/jobs/{old}/requeue")
    assert (again.json["id"], remaining(again)) == (made.json["id"], {"submit": LIMIT - 2})

    store.cancel("acme", made.json["id"])
    store.erase("acme", made.json["id"])

    assert remaining(acme.post(f"/v1/jobs/{old}/requeue")) == {"submit": LIMIT - 3}


def test_a_retry_whose_job_is_there_costs_nothing_and_one_that_makes_a_job_does(acme: Api, store: JobStore) -> None:
    """What OpenAI's clients do after an answer that was cut off."""
    first = acme.post("/v1/chat/completions", CHAT)
    assert first.status_code == 503
    retry = acme.post("/v1/chat/completions", CHAT, X_Stainless_Retry_Count="1")
    assert retry.headers["Location"] == first.headers["Location"]
    assert standing(acme)["submit"] == LIMIT - 1

    store.cancel("acme", first.headers["Location"].rpartition("/")[2])
    anew = acme.post("/v1/chat/completions", CHAT, X_Stainless_Retry_Count="2")

    assert anew.headers["Location"] != first.headers["Location"]
    assert standing(acme)["submit"] == LIMIT - 2


def test_a_body_that_is_refused_costs_as_much_as_a_job(acme: Api) -> None:
    for body, status in (({"input": {}}, 422), ([], 422), ({**BODY, "model": "none"}, 404)):
        assert acme.post("/v1/jobs", body).status_code in {status, 400}
    malformed = acme.send("POST", "/v1/jobs", data=b"{", headers={"Content-Type": "application/json"})
    assert (malformed.status_code, remaining(malformed)) == (400, {"submit": LIMIT - 4})
    bad_key = acme.post("/v1/jobs", BODY, Idempotency_Key="two words")
    assert (bad_key.status_code, remaining(bad_key)) == (400, {"submit": LIMIT - 5})

    acme.submit()

    assert acme.post("/v1/jobs", {"input": {}}).status_code == 429
    assert acme.send("POST", "/v1/jobs", data=b"{").status_code == 429


def test_who_has_not_the_scope_is_charged_for_asking(store: JobStore, api: Api) -> None:
    reader = key(store, api, None, "jobs:read")

    assert remaining(reader.post("/v1/jobs", BODY)) == {"submit": LIMIT - 1}
    assert remaining(reader.post("/v1/jobs/cancel", {})) == {"manage": LIMIT - 1}


@pytest.fixture
def used_up(api: Api, store: JobStore) -> Api:
    """A key that may ask nothing more; of reads, ten times as many are let in."""
    client = key(store, api, {"requests_per_minute": 1})
    client.submit()
    client.post("/v1/jobs/cancel", {})
    for _ in range(10):
        client.get("/v1/models")
    return client


def test_no_call_escapes_the_limits_but_those_that_need_no_key(limited: ApiProcess, used_up: Api) -> None:
    asked = 0
    for method, path, rule in calls(limited):
        if rule in OPEN:
            continue
        answer = used_up.send(method, path)
        assert answer.status_code == 429, (method, path, answer.text)
        assert answer.json["type"] == "/problems/rate-limited"
        assert is_limited(answer)
        asked += 1
    assert asked > 40
    for method, path in (
        ("GET", "/v1/nowhere"),
        ("PUT", "/v1/jobs"),
        ("POST", "/v1/models/poet"),
        ("HEAD", "/v1/jobs"),
    ):
        assert used_up.send(method, path).status_code == 429, (method, path)


def test_what_needs_no_key_is_counted_for_nobody(used_up: Api) -> None:
    for path in OPEN:
        answer = used_up.get(path)
        assert (answer.status_code < 400, is_limited(answer)) == (True, False), path


def test_every_call_says_of_which_class_it_is(limited: ApiProcess) -> None:
    document: Any = limited.test_client().get("/openapi.json").json
    found = {
        (method.upper(), path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters" and not path.startswith("/health")
    }
    submits = {path for (_, path), operation in found.items() if operation["x-rate-limit-class"] == "submit"}

    assert submits == {*SUBMITS, "/v1/jobs/{job_id}/requeue"}
    for (method, path), operation in found.items():
        usual = "read" if method == "GET" else "manage"
        assert operation["x-rate-limit-class"] == ("submit" if path in submits and method == "POST" else usual), path
        assert "429" in operation["responses"], path


def test_every_answer_of_a_limited_call_tells_how_the_caller_stands(acme: Api, worker: Worker) -> None:
    job_id = acme.submit()
    answers = [
        acme.get(f"/v1/jobs/{job_id}"),
        acme.get(f"/v1/jobs/{job_id}", If_None_Match='W/"1"'),
        acme.get("/v1/jobs/unknown"),
        acme.get("/v1/nowhere"),
        acme.send("PUT", "/v1/jobs"),
        acme.get("/v1/jobs?limit=none"),
        acme.send("DELETE", f"/v1/jobs/{job_id}"),
        acme.get("/v1/limits"),
        acme.post("/v1/infer", {"prompt": "Hark!"}, Prefer="respond-async"),
    ]
    assert [one.status_code for one in answers] == [200, 304, 404, 404, 405, 422, 409, 200, 202]
    assert all(map(is_limited, answers))
    worker.store.cancel("acme", job_id)
    with acme.get(f"/v1/jobs/{job_id}/events", Accept="text/event-stream") as stream:
        assert stream.mimetype == "text/event-stream"
        assert remaining(stream).keys() == {"read"}


def test_openai_s_clients_are_told_in_their_words(acme: Api) -> None:
    exhaust(acme)
    refused = acme.post("/v1/chat/completions", CHAT)

    assert refused.status_code == 429
    assert (refused.json["error"]["type"], refused.json["error"]["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    assert "x-should-retry" not in refused.headers


def test_openai_s_clients_are_told_not_to_wait_for_an_hour(api: Api, store: JobStore) -> None:
    client = key(store, api, {"requests_per_hour": 1})
    client.submit()
    refused = client.post("/v1/chat/completions", CHAT)

    assert refused.json["violated-policies"] == ["submit-hour"]
    assert int(refused.headers["Retry-After"]) > 120
    assert refused.headers["x-should-retry"] == "false"
    assert remaining(refused) == {"submit": LIMIT - 1, "submit-hour": 0}, "a refused request changes no window"


def test_a_look_takes_nothing_and_is_refused_like_a_read(acme: Api) -> None:
    before = standing(acme)
    assert [standing(acme) for _ in range(3)] == [before] * 3
    for _ in range(10 * LIMIT):
        assert acme.get("/v1/models").status_code == 200
    refused = acme.get("/v1/limits")

    assert (refused.status_code, refused.json["violated-policies"]) == (429, ["read"])
    assert int(refused.headers["Retry-After"]) >= 1


def test_a_look_tells_every_window_and_the_operator_what_all_have_taken(api: Api, store: JobStore) -> None:
    client = key(store, api, {"requests_per_minute": 3, "requests_per_hour": 50, "burst": 2}, "jobs:write", "jobs:read")
    statuses = [client.post("/v1/jobs", BODY).status_code for _ in range(4)]
    told = client.get("/v1/limits").json

    assert statuses == [202, 202, 429, 429], "two at once, and the third a third of a minute later"
    assert told["limits"] == {"requests_per_minute": 3, "requests_per_hour": 50, "burst": 2}
    assert {one["name"]: (one["limit"], one["remaining"]) for one in told["classes"][0]["windows"]} == {
        "submit": (3, 1),
        "submit-hour": (50, 48),
        "submit-burst": (2, 0),
    }
    assert [one["class"] for one in told["classes"]] == ["submit", "read", "manage"]
    assert (told["is_local"], told["statistics"]) == (False, None)
    of_all = api.get("/v1/limits").json
    assert (of_all["limits"], of_all["key_id"]) == (None, "operator")
    assert of_all["statistics"]["submit"] == {"allowed": 2, "refused": 2}
    assert of_all["statistics"]["manage"] == {"allowed": 1, "refused": 0}


def test_a_key_without_limits_is_told_of_none(api: Api, store: JobStore, redis_client: Redis) -> None:
    client = key(store, api, "none")
    answers = [client.post("/v1/jobs", BODY) for _ in range(3 * LIMIT)]

    assert {one.status_code for one in answers} == {202}
    assert not any(map(is_limited, answers))
    assert standing(client) == {}
    assert not [name for name in redis_client.keys("frontier:limit:*") if b"key_" in name]


@pytest.fixture
def unlimited(make_process: Callable[..., ApiProcess], redis_url: str) -> Api:
    del redis_url
    return Api(make_process({"RATE_LIMIT_RPM": "none"}).test_client())


def test_where_nothing_is_limited_a_key_s_own_limits_hold(unlimited: Api, store: JobStore) -> None:
    answers = [unlimited.get("/v1/models") for _ in range(20)]
    assert not any(map(is_limited, answers))
    client = key(store, unlimited, {"requests_per_minute": 1})

    assert [client.post("/v1/jobs", BODY).status_code for _ in range(2)] == [202, 429]


def test_the_length_of_the_window_is_a_setting(make_process: Callable[..., ApiProcess], redis_url: str) -> None:
    del redis_url
    api = Api(make_process({"RATE_LIMIT_RPM": "30", "RATE_LIMIT_WINDOW_SEC": "10"}).test_client())
    answers = [api.post("/v1/jobs", BODY) for _ in range(6)]

    assert [one.status_code for one in answers] == [202] * 5 + [429]
    assert policies(answers[0]) == {"submit": (5, 10)}


@pytest.fixture
def stranded(make_process: Callable[..., ApiProcess]) -> Api:
    """An API whose Redis is away."""
    env = {"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0", "RATE_LIMIT_RPM": "4", "RATE_LIMIT_NODES": "2"}
    return Api(make_process(env).test_client(), TOKEN)


def test_while_redis_is_away_reads_get_their_part_and_nothing_is_submitted(stranded: Api) -> None:
    reads = [stranded.get("/v1/models") for _ in range(21)]
    submit = stranded.post("/v1/jobs", BODY)
    look = stranded.get("/v1/limits")

    assert [one.status_code for one in reads] == [200] * 20 + [429], "half of 40, for there are two processes"
    assert policies(reads[0]) == {"read": (20, 60)}
    assert (submit.status_code, submit.json["type"]) == (503, "/problems/store-unavailable")
    assert int(submit.headers["Retry-After"]) >= 1
    assert look.status_code == 429
    fresh = stranded.get("/v1/jobs")
    assert fresh.status_code == 429

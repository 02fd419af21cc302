"""Every row is refused with a problem that names the field, and nothing of it is stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from redis import Redis

from tests.api.conftest import RECEIVER, Api

GOOD = {"input": {"prompt": "Hark!"}}
CHAT = {"input": {"messages": [{"role": "user", "content": "Hark!"}]}}


def refused(api: Api, redis_client: Redis, body: bytes, path: str = "/v1/jobs", **headers: str) -> Any:
    named = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    response = api.send("POST", path, data=body, headers=named)
    assert response.mimetype == "application/problem+json", response.text
    assert redis_client.dbsize() == 0
    assert response.json["retryable"] is False
    return response


MALFORMED: list[tuple[str, bytes, str]] = [
    ("nothing", b"", "body"),
    ("no JSON", b"prompt=Hark!", "body"),
    ("cut off", b'{"input": {"prompt": "Ha', "body"),
    ("more after the end", b'{"input": {"prompt": "Hark!"}} {}', "body"),
    ("a list", b"[1]", "body"),
    ("null", b"null", "body"),
    ("a byte order mark", b'\xef\xbb\xbf{"input": {"prompt": "Hark!"}}', "body"),
    ("UTF-16", '{"input": {"prompt": "Hark!"}}'.encode("utf-16"), "body"),
    ("bad UTF-8", b'{"input": {"prompt": "\xff"}}', "body"),
    ("a control character", b'{"input": {"prompt": "\x01"}}', "body"),
    ("NaN", b'{"input": {"prompt": "Hark!"}, "params": {"temperature": NaN}}', "params.temperature"),
    ("Infinity", b'{"input": {"prompt": "Hark!"}, "timeout_s": Infinity}', "timeout_s"),
    ("-Infinity", b'{"input": {"prompt": "Hark!"}, "metadata": {"a": -Infinity}}', "metadata.a"),
    ("an overflowing float", b'{"input": {"prompt": "Hark!"}, "timeout_s": 1e999}', "timeout_s"),
    ("an integer of 5,000 digits", b'{"params": {"seed": ' + b"9" * 5000 + b"}}", "params.seed"),
    ("an integer beyond 2^53", b'{"params": {"seed": 9007199254740993}}', "params.seed"),
    ("a duplicate key", b'{"input": {"prompt": "Hark!", "prompt": "Who?"}}', "input.prompt"),
    ("a duplicate key by escapes", b'{"model": "a", "mod\\u0065l": "b"}', "model"),
    ("a lone surrogate", b'{"input": {"prompt": "\\ud800"}}', "input.prompt"),
    ("a lone surrogate in a list", b'{"params": {"stop": ["a", "\\udc00"]}}', "params.stop[1]"),
    ("U+0000 in a prompt", b'{"input": {"prompt": "a\\u0000b"}}', "input.prompt"),
    ("U+0000 in metadata", b'{"metadata": {"a": "\\u0000"}}', "metadata.a"),
    ("arrays 100,000 deep", b'{"input": {"prompt": ' + b"[" * 100_000, "input.prompt"),
    ("objects 100,000 deep", b'{"metadata": ' + b'{"a": ' * 100_000, "metadata.a.a"),
    ("33 levels", b'{"metadata": {"a": ' + b"[" * 31 + b"]" * 31 + b"}}", "metadata.a[0]"),
    ("257 members", b'{"metadata": ' + json.dumps({str(n): "" for n in range(257)}).encode() + b"}", "metadata"),
]


@pytest.mark.parametrize(("body", "field"), [row[1:] for row in MALFORMED], ids=[row[0] for row in MALFORMED])
def test_a_body_that_is_not_the_json_we_accept_is_400(api: Api, redis_client: Redis, body: bytes, field: str) -> None:
    response = refused(api, redis_client, body)

    assert response.status_code == 400
    assert response.json["errors"][0]["field"].startswith(field)


INVALID: list[tuple[dict[str, Any], str]] = [
    ({}, "input"),
    (GOOD | {"colour": "red"}, "colour"),
    (GOOD | {"webhook": "https://example.com"}, "webhook"),
    (GOOD | {"webhook": {}}, "webhook.url"),
    (GOOD | {"webhook": {"url": 1}}, "webhook.url"),
    (GOOD | {"webhook": {"url": ""}}, "webhook.url"),
    (GOOD | {"webhook": {"url": f"{RECEIVER}/{'x' * 2048}"}}, "webhook.url"),
    (GOOD | {"webhook": {"url": RECEIVER, "secret": "whsec_x"}}, "webhook.secret"),
    (GOOD | {"webhook": {"url": RECEIVER, "events": []}}, "webhook.events"),
    (GOOD | {"webhook": {"url": RECEIVER, "events": "succeeded"}}, "webhook.events"),
    (GOOD | {"webhook": {"url": RECEIVER, "events": ["succeeded", "started"]}}, "webhook.events[1]"),
    (GOOD | {"webhook": {"url": RECEIVER, "events": ["response.completed"]}}, "webhook.events[0]"),
    (GOOD | {"webhook": {"url": RECEIVER, "events": ["job.failed", "failed"]}}, "webhook.events[1]"),
    (GOOD | {"webhook": {"url": RECEIVER, "events": [4]}}, "webhook.events[0]"),
    (GOOD | {"webhook": {"url": RECEIVER, "include": ["prompt"]}}, "webhook.include[0]"),
    (GOOD | {"webhook": {"url": RECEIVER, "include": ["result", "result"]}}, "webhook.include"),
    (GOOD | {"priority": "urgent"}, "priority"),
    (GOOD | {"priority": 1}, "priority"),
    (GOOD | {"params": {"best_of": 2}}, "params.best_of"),
    ({"input": "Hark!"}, "input"),
    ({"input": None}, "input"),
    ({"input": {}}, "input"),
    ({"input": {"prompt": ""}}, "input.prompt"),
    ({"input": {"prompt": 1}}, "input.prompt"),
    ({"input": {"prompt": None}}, "input.prompt"),
    ({"input": {"prompt": "x" * 51}}, "input.prompt"),
    ({"input": {"prompt": "Hark!", "messages": [{"role": "user", "content": "Hark!"}]}}, "input.messages"),
    ({"input": {"messages": []}}, "input.messages"),
    ({"input": {"messages": "Hark!"}}, "input.messages"),
    ({"input": {"messages": ["Hark!"]}}, "input.messages[0]"),
    ({"input": {"messages": [{"role": "king", "content": "Hark!"}]}}, "input.messages[0].role"),
    ({"input": {"messages": [{"role": "user"}]}}, "input.messages[0].content"),
    ({"input": {"messages": [{"role": "user", "content": ""}]}}, "input.messages[0].content"),
    ({"input": {"messages": [{"role": "user", "content": ["Hark!"]}]}}, "input.messages[0].content"),
    ({"input": {"messages": [{"role": "user", "content": "Hark!", "name": "a"}]}}, "input.messages[0].name"),
    ({"input": {"messages": [{"role": "user", "content": "x" * 26}] * 2}}, "input.messages"),
    (GOOD | {"type": "chat.completion"}, "input.messages"),
    (CHAT | {"type": "completion"}, "input.prompt"),
    (GOOD | {"type": "embedding"}, "input.texts"),
    (GOOD | {"type": 1}, "type"),
    (GOOD | {"model": 1}, "model"),
    (GOOD | {"model": ""}, "model"),
    (GOOD | {"params": []}, "params"),
    (GOOD | {"params": {"max_tokens": 0}}, "params.max_tokens"),
    (GOOD | {"params": {"max_tokens": 101}}, "params.max_tokens"),
    (GOOD | {"params": {"max_tokens": "10"}}, "params.max_tokens"),
    (GOOD | {"params": {"max_tokens": True}}, "params.max_tokens"),
    (GOOD | {"params": {"max_tokens": 1.5}}, "params.max_tokens"),
    (GOOD | {"params": {"temperature": -0.1}}, "params.temperature"),
    (GOOD | {"params": {"temperature": 2.1}}, "params.temperature"),
    (GOOD | {"params": {"temperature": "1"}}, "params.temperature"),
    (GOOD | {"params": {"temperature": False}}, "params.temperature"),
    (GOOD | {"params": {"top_p": 0}}, "params.top_p"),
    (GOOD | {"params": {"top_p": 1.1}}, "params.top_p"),
    (GOOD | {"params": {"top_k": -1}}, "params.top_k"),
    (GOOD | {"params": {"seed": -1}}, "params.seed"),
    (GOOD | {"params": {"stop": []}}, "params.stop"),
    (GOOD | {"params": {"stop": ["a"] * 5}}, "params.stop"),
    (GOOD | {"params": {"stop": ["a", ""]}}, "params.stop[1]"),
    (GOOD | {"params": {"stop": "x" * 65}}, "params.stop[0]"),
    (GOOD | {"params": {"stop": 1}}, "params.stop"),
    (GOOD | {"params": {"ignore_eos": "yes"}}, "params.ignore_eos"),
    (GOOD | {"params": {"ignore_eos": 1}}, "params.ignore_eos"),
    (GOOD | {"start_within_s": 0}, "start_within_s"),
    (GOOD | {"timeout_s": 86_401}, "timeout_s"),
    (GOOD | {"timeout_s": "60"}, "timeout_s"),
    (GOOD | {"retention_s": 0}, "retention_s"),
    (GOOD | {"deadline": "tomorrow"}, "deadline"),
    (GOOD | {"deadline": 1_900_000_000}, "deadline"),
    (GOOD | {"deadline": "2100-01-01T00:00:00"}, "deadline"),
    (GOOD | {"deadline": "2000-01-01T00:00:00Z"}, "deadline"),
    (GOOD | {"metadata": []}, "metadata"),
    (GOOD | {"metadata": {"a": 1}}, "metadata.a"),
    (GOOD | {"metadata": {"a": "x" * 513}}, "metadata.a"),
    (GOOD | {"metadata": {"": "x"}}, "metadata"),
    (GOOD | {"metadata": {"x" * 65: "x"}}, "metadata." + "x" * 65),
    (GOOD | {"metadata": {str(n): "" for n in range(17)}}, "metadata"),
]


@pytest.mark.parametrize(("body", "field"), INVALID, ids=[f"{row[1]}-{n}"[-40:] for n, row in enumerate(INVALID)])
def test_a_value_that_is_not_accepted_is_422(api: Api, redis_client: Redis, body: dict[str, Any], field: str) -> None:
    response = refused(api, redis_client, json.dumps(body).encode())

    assert response.status_code == 422
    assert field in {error["field"] for error in response.json["errors"]}
    assert response.json["error"]["param"] == response.json["errors"][0]["field"]


def test_every_wrong_field_is_named_at_once(api: Api, redis_client: Redis) -> None:
    body = {"input": {"prompt": 1}, "params": {"top_p": 5}, "colour": "red"}

    response = refused(api, redis_client, json.dumps(body).encode())

    assert {error["field"] for error in response.json["errors"]} == {"input.prompt", "params.top_p", "colour"}


@pytest.mark.parametrize("body", [{"k" * 900_000: 1}, {"params": {"k" * 900_000: 1}}, {"k" * 900_000: "\0"}])
@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/chat/completions"])
def test_what_a_client_has_called_a_field_is_told_cut(
    api: Api, redis_client: Redis, path: str, body: dict[str, Any]
) -> None:
    response = refused(api, redis_client, json.dumps(GOOD | body).encode(), path)

    assert len(response.data) < 3000
    assert all(len(error["field"]) <= 200 for error in response.json["errors"])


def test_of_very_many_wrong_fields_the_first_are_named(api: Api, redis_client: Redis) -> None:
    message = {"role": "user", "content": "Hark!", **{f"unknown{number}": 1 for number in range(50)}}

    response = refused(api, redis_client, json.dumps({"messages": [message] * 500}).encode(), "/v1/chat/completions")

    assert len(response.json["errors"]) == 100
    assert len(response.data) < 50_000


def test_an_unknown_model_is_404_and_names_the_field(api: Api, redis_client: Redis) -> None:
    response = refused(api, redis_client, json.dumps(GOOD | {"model": "oracle"}).encode())

    assert response.status_code == 404
    assert response.json["error"]["code"] == "model_not_found"
    assert response.json["error"]["param"] == "model"


def test_a_prompt_that_is_too_long_is_told_the_numbers(api: Api, redis_client: Redis) -> None:
    response = refused(api, redis_client, json.dumps({"input": {"prompt": "x" * 51}}).encode())

    assert "51" in response.json["detail"]
    assert "50" in response.json["detail"]


INFER: list[tuple[dict[str, Any], str]] = [
    ({}, "prompt"),
    ({"prompt": ""}, "prompt"),
    ({"prompt": "Hark!", "stream": "no"}, "stream"),
    ({"prompt": "Hark!", "messages": []}, "messages"),
    ({"prompt": "Hark!", "max_tokens": 101}, "max_tokens"),
    ({"prompt": "Hark!", "params": {"max_tokens": 101}}, "params.max_tokens"),
    ({"prompt": "Hark!", "top_k": 1, "params": {"top_k": 2}}, "top_k"),
    ({"prompt": "x" * 51}, "prompt"),
]


@pytest.mark.parametrize(("body", "field"), INFER, ids=[row[1] for row in INFER])
def test_infer_refuses_in_its_own_words(api: Api, redis_client: Redis, body: dict[str, Any], field: str) -> None:
    response = refused(api, redis_client, json.dumps(body).encode(), "/v1/infer")

    assert response.status_code == 422
    assert [error["field"] for error in response.json["errors"]] == [field]


CANCELS: list[tuple[Any, str]] = [
    ({}, "metadata"),
    ({"metadata": {}}, "metadata"),
    ({"metadata": None}, "metadata"),
    ({"metadata": "order"}, "metadata"),
    ({"metadata": {"order": 42}}, "metadata.order"),
    ({"metadata": {"order": "42"}, "status": "failed"}, "status"),
    ({"metadata": {"order": "42"}, "status": 1}, "status"),
    ({"metadata": {"order": "42"}, "model": ""}, "model"),
    ({"metadata": {"order": "42"}, "cursor": "x"}, "cursor"),
    ({"metadata": {"order": "42"}, "cursor": 5}, "cursor"),
    ({"metadata": {"order": "42"}, "cursor": None}, "cursor"),
    ({"metadata": {"order": "42"}, "colour": "red"}, "colour"),
]


@pytest.mark.parametrize(("body", "field"), CANCELS, ids=[str(row[0]) for row in CANCELS])
def test_a_cancel_of_many_that_is_not_understood_cancels_none(api: Api, body: Any, field: str) -> None:
    job_id = api.submit(metadata={"order": "42"})

    response = api.post("/v1/jobs/cancel", body)

    assert response.status_code == 422
    assert [error["field"] for error in response.json["errors"]] == [field]
    assert api.get(f"/v1/jobs/{job_id}").json["status"] == "queued"


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/infer"])
@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", ""]
)
def test_only_plain_json_is_read(api: Api, redis_client: Redis, path: str, content_type: str) -> None:
    response = refused(api, redis_client, json.dumps(GOOD).encode(), path, Content_Type=content_type)

    assert response.status_code == 415
    assert response.json["errors"][0]["field"] == "Content-Type"


def test_a_compressed_body_is_not_inflated(api: Api, redis_client: Redis) -> None:
    response = refused(api, redis_client, json.dumps(GOOD).encode(), Content_Encoding="gzip")

    assert response.status_code == 415
    assert response.json["errors"][0]["field"] == "Content-Encoding"


def test_a_body_above_1_mib_is_413(api: Api, redis_client: Redis) -> None:
    response = refused(api, redis_client, json.dumps({"input": {"prompt": "x" * 1_048_576}}).encode())

    assert response.status_code == 413
    assert response.json["errors"][0]["field"] == "body"


@pytest.mark.parametrize("key", ["", '"', '""', '"open', "two words", "é", "x" * 256, 'a"b"\x7f', "tab\there"])
def test_an_idempotency_key_that_is_none_is_400(api: Api, redis_client: Redis, key: str) -> None:
    response = refused(api, redis_client, json.dumps(GOOD).encode(), Idempotency_Key=key)

    assert response.status_code == 400
    assert response.json["errors"][0]["field"] == "Idempotency-Key"


QUERIES = [
    ("/v1/jobs?status=pending", "status"),
    ("/v1/jobs?state=queued", "state"),
    ("/v1/jobs?limit=0", "limit"),
    ("/v1/jobs?limit=101", "limit"),
    ("/v1/jobs?limit=1_0", "limit"),
    ("/v1/jobs?limit=ten", "limit"),
    ("/v1/jobs?limit=1&limit=2", "limit"),
    ("/v1/jobs?cursor=x", "cursor"),
    ("/v1/jobs?cursor=Yi0x", "cursor"),
    ("/v1/jobs?metadata.a=%00", "metadata.a"),
    ("/v1/queue?colour=red", "colour"),
    ("/v1/dead-letters?colour=red", "colour"),
    ("/v1/dead-letters?limit=101", "limit"),
    ("/v1/dead-letters?cursor=x", "cursor"),
    ("/v1/dead-letters?cursor=YjQy", "cursor"),
    ("/v1/dead-letters?model=", "model"),
]


@pytest.mark.parametrize(("path", "field"), QUERIES, ids=[row[0] for row in QUERIES])
def test_a_query_that_cannot_be_answered_is_422(api: Api, path: str, field: str) -> None:
    response = api.get(path)

    assert response.status_code == 422
    assert response.json["errors"][0]["field"] == field


def test_limits_are_told_in_plain_digits(api: Api) -> None:
    for field, limit in {"retention_s": "from 1 to 2592000.", "timeout_s": "above 0 up to 86400."}.items():
        message = api.post("/v1/jobs", {"input": {"prompt": "Hark!"}, field: -1}).json["errors"][0]["message"]
        assert message == f"Must be a number {limit}"

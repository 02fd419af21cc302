"""Requests to OpenAI's addresses, as the job that they become and as the refusal that they meet."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from api.process import ApiProcess
from jobs.job import Job
from jobs.request import Message
from jobs.store import JobStore
from tests.api.conftest import Api, Worker

CHAT: dict[str, Any] = {"model": "poet", "messages": [{"role": "user", "content": "Hark!"}]}
COMPLETION: dict[str, Any] = {"model": "poet", "prompt": "Hark!"}
VECTOR = base64.b64encode(struct.pack("<2f", 0.75, -0.5)).decode()


MODELS = """
models:
  poet:
    engine: scripted
    limits: {max_tokens: 100, max_prompt_chars: 50}
  encoder:
    engine: scripted
    script: {dimensions: 2}
    limits: {max_inputs: 3, max_prompt_chars: 50}
"""


@pytest.fixture(scope="module")
def hasty_process(make_process: Callable[..., ApiProcess], tmp_path_factory: pytest.TempPathFactory) -> ApiProcess:
    config = tmp_path_factory.mktemp("models") / "models.yaml"
    config.write_text(MODELS)
    return make_process({"API_FOREGROUND_S": "0.1", "TRUTHGPT_CONFIG": str(config)})


@pytest.fixture
def hasty(hasty_process: ApiProcess, redis_url: str) -> Api:
    """A server where nobody waits for long."""
    del redis_url
    return Api(hasty_process.test_client())


def job_of(store: JobStore, answer: Any) -> Job:
    return store.find("default", answer.headers["Location"].rpartition("/")[2])


def test_who_cannot_wait_longer_is_told_where_the_job_goes_on(hasty: Api, store: JobStore) -> None:
    answer = hasty.post("/v1/chat/completions", CHAT)

    assert answer.status_code == 503
    assert answer.json["error"]["code"] == "still_running"
    assert answer.json["retryable"] is True
    assert answer.headers["Retry-After"] == "1"
    assert "x-should-retry" not in answer.headers
    assert not job_of(store, answer).is_final


def test_a_retry_finds_the_job_until_its_answer_was_delivered(hasty: Api, store: JobStore, worker: Worker) -> None:
    lost = hasty.post("/v1/completions", COMPLETION)
    job = job_of(store, lost)
    worker.run(job.id)

    retry = hasty.post("/v1/completions", COMPLETION, X_Stainless_Retry_Count="1")

    assert retry.status_code == 200
    assert retry.headers["Idempotency-Replayed"] == "true"
    assert job_of(store, retry).id == job.id
    assert retry.json["choices"][0]["text"] == "Who knocks?"
    late = hasty.post("/v1/completions", COMPLETION, X_Stainless_Retry_Count="1")
    assert job_of(store, late).id != job.id


def test_the_same_request_anew_is_another_job(hasty: Api, store: JobStore) -> None:
    first = job_of(store, hasty.post("/v1/completions", COMPLETION))

    assert job_of(store, hasty.post("/v1/completions", COMPLETION, X_Stainless_Retry_Count="0")).id != first.id


def test_an_idempotency_key_counts_more_than_a_retry(hasty: Api, store: JobStore) -> None:
    first = job_of(store, hasty.post("/v1/completions", COMPLETION))
    keyed = {"X_Stainless_Retry_Count": "1", "Idempotency_Key": "k"}

    second = hasty.post("/v1/completions", COMPLETION, **keyed)

    assert job_of(store, second).id != first.id
    assert job_of(store, hasty.post("/v1/completions", COMPLETION, **keyed)).id == job_of(store, second).id


def test_a_chat_becomes_a_job_with_the_model_s_own_limit(hasty: Api, store: JobStore) -> None:
    turns = [
        {"role": "developer", "content": [{"type": "text", "text": "Be "}, {"type": "text", "text": "brief."}]},
        {"role": "assistant", "content": "", "refusal": None, "annotations": [], "tool_calls": None},
        {"role": "user", "content": "Hark!"},
    ]

    job = job_of(store, hasty.post("/v1/chat/completions", CHAT | {"messages": turns, "metadata": {"order": "42"}}))

    assert job.request.messages == (Message("system", "Be brief."), Message("assistant", ""), Message("user", "Hark!"))
    assert job.request.params.max_tokens == 100
    assert job.metadata == {"order": "42"}


def test_an_ended_job_is_told_once_and_for_all(hasty: Api, store: JobStore, worker: Worker) -> None:
    job = job_of(store, hasty.post("/v1/completions", COMPLETION))
    worker.finish(worker.claim(job.id), None, **vars_of(worker.failed))

    answer = hasty.post("/v1/completions", COMPLETION, X_Stainless_Retry_Count="1")

    assert answer.status_code == 500
    assert answer.json["error"]["code"] == "engine_error"
    assert answer.headers["x-should-retry"] == "false"
    assert answer.headers["Location"] == f"/v1/jobs/{job.id}"


def vars_of(outcome: Any) -> dict[str, Any]:
    return {"state": outcome.state, "error": outcome.error}


REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("chat/completions", {"messages": CHAT["messages"]}, "model", "missing_required_parameter"),
    ("chat/completions", CHAT | {"messages": None}, "messages", "missing_required_parameter"),
    ("chat/completions", CHAT | {"messages": [{"role": "user"}]}, "messages[0].content", "missing_required_parameter"),
    (
        "chat/completions",
        CHAT | {"messages": [{"role": "tool", "content": "a"}]},
        "messages[0].role",
        "unsupported_value",
    ),
    (
        "chat/completions",
        CHAT | {"messages": [{"role": "user", "content": "a", "name": "b"}]},
        "messages[0].name",
        "unsupported_parameter",
    ),
    ("chat/completions", CHAT | {"messages": [{"role": "user", "content": "x" * 51}]}, "messages", "invalid_value"),
    ("chat/completions", CHAT | {"max_tokens": 101}, "max_tokens", "invalid_value"),
    ("chat/completions", CHAT | {"max_completion_tokens": 101}, "max_completion_tokens", "invalid_value"),
    ("chat/completions", CHAT | {"max_tokens": 1, "max_completion_tokens": 1}, "max_tokens", "invalid_value"),
    ("chat/completions", CHAT | {"top_logprobs": 2}, "top_logprobs", "invalid_value"),
    ("chat/completions", CHAT | {"stream_options": {}}, "stream_options", "invalid_value"),
    ("chat/completions", CHAT | {"on_disconnect": "cancel"}, "on_disconnect", "invalid_value"),
    ("chat/completions", CHAT | {"tool_choice": "required"}, "tool_choice", "unsupported_value"),
    ("completions", COMPLETION | {"prompt": ["a", "b"]}, "prompt", "unsupported_value"),
    ("completions", COMPLETION | {"prompt": [1, 2]}, "prompt", "unsupported_value"),
    ("completions", COMPLETION | {"prompt": [[1, 2]]}, "prompt", "unsupported_value"),
    ("completions", COMPLETION | {"prompt": 1}, "prompt", "invalid_type"),
    ("completions", COMPLETION | {"prompt": ""}, "prompt", "invalid_value"),
    ("completions", COMPLETION | {"echo": True}, "echo", "unsupported_value"),
    ("completions", COMPLETION | {"suffix": "."}, "suffix", "unsupported_parameter"),
    ("completions", COMPLETION | {"best_of": 2}, "best_of", "unsupported_value"),
    ("completions", COMPLETION | {"logprobs": 6}, "logprobs", "invalid_value"),
    ("embeddings", {"model": "poet", "input": "Hark!"}, "model", "invalid_value"),
    ("completions", COMPLETION | {"model": "encoder"}, "model", "invalid_value"),
    ("embeddings", {"model": "encoder", "input": ["x" * 51]}, "input", "invalid_value"),
    ("embeddings", {"model": "encoder", "input": ["a", "x" * 51]}, "input[1]", "invalid_value"),
    ("embeddings", {"model": "encoder", "input": ["a"] * 4}, "input", "invalid_value"),
    ("embeddings", {"model": "encoder", "input": ["a", 1]}, "input[1]", "invalid_value"),
    ("embeddings", {"model": "encoder", "input": [[1, -1]]}, "input[0][1]", "invalid_value"),
    ("embeddings", {"model": "encoder", "input": []}, "input", "invalid_value"),
    ("embeddings", {"model": "encoder", "input": "a", "encoding_format": "hex"}, "encoding_format", "invalid_value"),
    ("embeddings", {"model": "encoder", "input": "a", "dimensions": 2}, "dimensions", "unsupported_parameter"),
]


@pytest.mark.parametrize(
    ("path", "body", "blamed"), [(path, body, (param, code)) for path, body, param, code in REFUSED]
)
def test_what_is_not_served_is_refused_by_its_name(
    hasty: Api, redis_client: Redis, path: str, body: dict[str, Any], blamed: tuple[str, str]
) -> None:
    answer = hasty.post(f"/v1/{path}", body)

    assert answer.status_code == 400, answer.text
    assert (answer.json["error"]["param"], answer.json["error"]["code"]) == blamed
    assert redis_client.dbsize() == 0


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ("a", ("a",)),
        (["a", "b"], ("a", "b")),
        ([1, 2], ((1, 2),)),
        ([[1], [2, 3]], ((1,), (2, 3))),
    ],
)
def test_what_is_embedded_may_have_four_forms(hasty: Api, store: JobStore, given: Any, inputs: Any) -> None:
    answer = hasty.post("/v1/embeddings", {"model": "encoder", "input": given})

    assert job_of(store, answer).request.inputs == inputs


def test_vectors_are_told_as_numbers_or_as_they_are_kept(hasty: Api, store: JobStore, worker: Worker) -> None:
    told: list[Any] = []
    for encoding in ("float", "base64"):
        body = {"model": "encoder", "input": "a", "encoding_format": encoding}
        job = job_of(store, hasty.post("/v1/embeddings", body))
        worker.run(job.id, None, model="encoder", finish_reason=None, vectors=(VECTOR,))
        told.append(hasty.post("/v1/embeddings", body, X_Stainless_Retry_Count="1").json["data"][0]["embedding"])
    native = hasty.get(f"/v1/jobs/{job.id}").json

    assert told == [[0.75, -0.5], VECTOR]
    assert native["result"] == {"embeddings": [[0.75, -0.5]]}
    assert "progress" not in native
    assert hasty.get(f"/v1/jobs/{job.id}/result").json["embeddings"] == [[0.75, -0.5]]


def test_an_embedding_may_be_a_job_of_its_own(hasty: Api, store: JobStore) -> None:
    answer = hasty.post("/v1/jobs", {"model": "encoder", "type": "embedding", "input": {"texts": ["a", [1, 2]]}})

    assert answer.status_code == 202
    assert store.find("default", answer.json["id"]).request.inputs == ("a", (1, 2))
    refused = hasty.post("/v1/jobs", {"model": "encoder", "input": {"texts": ["a"]}, "params": {"max_tokens": 1}})
    assert refused.json["errors"][0]["field"] == "params"
    assert hasty.post("/v1/jobs", {"model": "poet", "input": {"texts": ["a"]}}).json["errors"][0]["field"] == "model"


def test_vectors_too_long_to_be_told_with_the_job_are_linked(hasty: Api, store: JobStore, worker: Worker) -> None:
    many = base64.b64encode(struct.pack("<20000f", *[0.123456] * 20_000)).decode()
    job = job_of(store, hasty.post("/v1/embeddings", {"model": "encoder", "input": "a"}))
    worker.run(job.id, None, model="encoder", finish_reason=None, vectors=(many,))

    assert hasty.get(f"/v1/jobs/{job.id}").json["result_url"] == f"/v1/jobs/{job.id}/result"
    assert len(json.dumps(hasty.get(f"/v1/jobs/{job.id}/result").json)) > 64 * 1024

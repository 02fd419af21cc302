"""The priority of a job: what each interface takes it for, who tells it, and what the queue shows by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from marshmallow import ValidationError

from api.asked_job import Submission
from api.chat_schema import ChatCompletionRequestSchema
from api.completion_schema import CompletionRequestSchema
from api.embedding_schema import EmbeddingRequestSchema
from api.infer_schema import InferSchema
from api.response_schema import ResponseSchema
from api.submission_schema import SubmissionSchema
from jobs.job import Priority
from tests.api.conftest import Api, Worker

CHAT = {"model": "poet", "messages": [{"role": "user", "content": "Hark!"}]}
RESPONSE = {"model": "poet", "input": "Hark!"}
Read = Callable[[dict[str, Any]], Submission]
INTERFACES: dict[str, tuple[Read, dict[str, Any], Priority]] = {
    "a job": (SubmissionSchema().load, {"input": {"prompt": "Hark!"}}, Priority.STANDARD),
    "a prompt": (lambda body: InferSchema().load(body).submission, {"prompt": "Hark!"}, Priority.INTERACTIVE),
    "a chat": (lambda body: ChatCompletionRequestSchema().load(body).submission, CHAT, Priority.INTERACTIVE),
    "a completion": (
        lambda body: CompletionRequestSchema().load(body).submission,
        {"model": "poet", "prompt": "Hark!"},
        Priority.INTERACTIVE,
    ),
    "embeddings": (
        lambda body: EmbeddingRequestSchema().load(body).submission,
        {"model": "poet", "input": "Hark!"},
        Priority.INTERACTIVE,
    ),
    "a response": (lambda body: ResponseSchema().load(body).submission(), RESPONSE, Priority.INTERACTIVE),
    "a response in the background": (
        lambda body: ResponseSchema().load(body).submission(),
        RESPONSE | {"background": True},
        Priority.STANDARD,
    ),
}


@pytest.mark.parametrize(("read", "body", "usual"), INTERFACES.values(), ids=INTERFACES)
def test_a_job_that_somebody_waits_for_is_interactive_unless_it_says_otherwise(
    read: Read, body: dict[str, Any], usual: Priority
) -> None:
    assert read(body).class_in_queue is usual
    for priority in Priority:
        assert read(body | {"priority": priority.value}).class_in_queue is priority


@pytest.mark.parametrize(("read", "body", "usual"), INTERFACES.values(), ids=INTERFACES)
def test_no_other_priority_is_accepted(read: Read, body: dict[str, Any], usual: Priority) -> None:
    for wrong in ("urgent", "", usual.value.upper(), 1):
        with pytest.raises(ValidationError) as refusal:
            read(body | {"priority": wrong})
        assert list(refusal.value.messages_dict) == ["priority"]


@pytest.mark.parametrize(
    ("path", "body"), [("/v1/jobs", {"input": {"prompt": "Hark!"}}), ("/v1/infer", {"prompt": "Hark!"})]
)
def test_the_priority_asked_for_is_recorded(api: Api, worker: Worker, path: str, body: dict[str, Any]) -> None:
    for priority in Priority:
        api.post(path, body | {"priority": priority.value}, Prefer="wait=0")
        assert worker.store.list("default", limit=1).jobs[0].priority is priority
    api.post(path, body, Prefer="wait=0")
    usual = Priority.STANDARD if path == "/v1/jobs" else Priority.INTERACTIVE
    assert worker.store.list("default", limit=1).jobs[0].priority is usual


def test_the_job_tells_it_and_a_requeue_keeps_it(api: Api) -> None:
    job_id = api.submit(priority="batch")
    assert api.get(f"/v1/jobs/{job_id}").json["priority"] == "batch"
    api.post(f"/v1/jobs/{job_id}/cancel")
    again = api.post(f"/v1/jobs/{job_id}/requeue").json
    assert again["priority"] == "batch"


def test_the_queue_tells_the_caller_s_part_by_priority(api: Api) -> None:
    for _ in range(2):
        api.submit(priority="batch", params={"max_tokens": 99})
    (queue,) = api.get("/v1/queue?model=poet").json["data"]
    assert queue["classes"] == {
        "interactive": {"waiting": 0, "tokens": 0, "position": 0, "tokens_ahead": 0, "eta_s": None},
        "standard": {"waiting": 0, "tokens": 0, "position": 0, "tokens_ahead": 0, "eta_s": None},
        "batch": {"waiting": 2, "tokens": 200, "position": 2, "tokens_ahead": 200, "eta_s": None},
    }
    assert (queue["depth"], queue["tokens_ahead"]) == (2, 0)


def test_a_job_stands_behind_as_many_others_as_go_before_it(api: Api) -> None:
    batch = [api.submit(priority="batch") for _ in range(3)]
    interactive = api.submit(priority="interactive")
    places = [api.get(f"/v1/jobs/{job_id}").json["queue"]["position"] for job_id in (*batch, interactive)]
    assert places == [1, 2, 3, 0]

"""Streams of texts, from looks to events."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from api import sse
from api.chat_document import ChatChunks
from api.completion_document import CompletionChunks
from api.examples import SUCCEEDED
from api.following import Look
from api.text_frames import text_frames
from jobs.job import AttemptError, Job, JobState
from jobs.request import Candidate, SamplingParams, TokenLogprobs
from jobs.token_run import TokenRun

RUNNING = replace(SUCCEEDED, state=JobState.RUNNING, text=None, finish_reason=None)
NOTHING = TokenRun()
CHAT = partial(ChatChunks, includes_usage=False)
COMPLETION = partial(CompletionChunks, includes_usage=False)
NAMES = {"input": "messages"}


def run(*pieces: str, first: int = 0, logprobs: Sequence[TokenLogprobs] = ()) -> TokenRun:
    return TokenRun(first=first, ids=tuple(range(len(pieces))), pieces=pieces, logprobs=logprobs)


def told(make_chunks: Callable[[Job], Any], *looks: Look | None) -> list[Any]:
    frames: Iterator[bytes] = text_frames(iter(looks), make_chunks=make_chunks, names=NAMES)
    events: list[Any] = []
    for frame in frames:
        if frame == sse.COMMENT:
            events.append(None)
            continue
        data = frame.decode().removeprefix("data: ").strip()
        events.append(data if data == "[DONE]" else json.loads(data))
    return events


def test_a_chat_begins_with_its_role_and_ends_with_done() -> None:
    *chunks, done = told(
        CHAT,
        Look(tokens=NOTHING, job=RUNNING),
        Look(tokens=run("Who", "", " knocks?")),
        Look(tokens=NOTHING, job=SUCCEEDED),
    )

    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"role": "assistant", "content": ""},
        {"content": "Who"},
        {"content": " knocks?"},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, None, "stop"]
    assert all("usage" not in chunk for chunk in chunks)
    assert done == "[DONE]"


@pytest.mark.parametrize("kind", [ChatChunks, CompletionChunks])
def test_usage_comes_last_where_it_is_asked_for_and_is_null_before(kind: Any) -> None:
    *chunks, used, _ = told(
        partial(kind, includes_usage=True), Look(tokens=run("Who"), job=RUNNING), Look(tokens=NOTHING, job=SUCCEEDED)
    )

    assert all(chunk["usage"] is None for chunk in chunks)
    assert used["choices"] == []
    assert used["usage"]["total_tokens"] == 31


def test_a_completion_has_no_chunk_before_its_text() -> None:
    *chunks, done = told(
        COMPLETION, Look(tokens=run("Who", " knocks?"), job=RUNNING), Look(tokens=NOTHING, job=SUCCEEDED)
    )

    assert [(one["choices"][0]["text"], one["choices"][0]["finish_reason"]) for one in chunks] == [
        ("Who", None),
        (" knocks?", None),
        ("", "stop"),
    ]
    assert done == "[DONE]"


def test_a_heartbeat_is_a_comment() -> None:
    assert told(CHAT, Look(tokens=NOTHING, job=RUNNING), None, Look(tokens=NOTHING, job=SUCCEEDED))[1] is None


def test_a_job_that_ends_without_a_result_ends_its_stream_with_an_error_alone() -> None:
    refusal = AttemptError(code="context_length_exceeded", message="the prompt is too long", field="input")
    failed = replace(SUCCEEDED, state=JobState.FAILED, text=None, finish_reason=None, error=refusal)

    *_, last = told(CHAT, Look(tokens=run("Who"), job=RUNNING), Look(tokens=NOTHING, job=failed))

    assert last == {
        "error": {
            "message": "the prompt is too long",
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        }
    }


def test_a_job_cancelled_elsewhere_ends_its_stream_with_an_error() -> None:
    cancelled = replace(SUCCEEDED, state=JobState.CANCELLED, text="Who", finish_reason=None)

    assert told(COMPLETION, Look(tokens=NOTHING, job=cancelled))[-1]["error"]["code"] == "job_cancelled"


def test_a_reading_that_ends_before_the_job_says_so() -> None:
    assert told(CHAT, Look(tokens=run("Who"), job=RUNNING))[-1]["error"]["code"] == "still_running"


def test_log_probabilities_come_with_their_tokens() -> None:
    asked = replace(RUNNING, request=replace(RUNNING.request, params=SamplingParams(logprobs=1)))
    told_of = TokenLogprobs(Candidate("é", -0.5), (Candidate("é", -0.5),))
    impossible = TokenLogprobs(Candidate("x", float("-inf")), (Candidate("é", -0.1),))
    look = Look(tokens=run("é", "x", logprobs=[told_of, impossible]), job=asked)

    _, first, second, *_ = told(CHAT, look)
    older, older_second, *_ = told(COMPLETION, look)

    assert first["choices"][0]["logprobs"]["content"] == [
        {
            "token": "é",
            "logprob": -0.5,
            "bytes": [195, 169],
            "top_logprobs": [{"token": "é", "logprob": -0.5, "bytes": [195, 169]}],
        }
    ]
    assert second["choices"][0]["logprobs"]["content"][0]["logprob"] == -9999.0
    assert older["choices"][0]["logprobs"] == {
        "tokens": ["é"],
        "token_logprobs": [-0.5],
        "top_logprobs": [{"é": -0.5}],
        "text_offset": [0],
    }
    assert older_second["choices"][0]["logprobs"]["text_offset"] == [1]

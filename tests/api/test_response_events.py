"""A response's events, made of looks at its job; no server and no store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai._models import validate_type
from openai.types.responses import Response, ResponseStreamEvent

from api.following import Look
from api.response_asked import AskedResponse
from api.response_document import response_document
from api.response_document_schema import ResponseDocumentSchema
from api.response_events import response_events, response_frames
from jobs.job import AttemptError, Job, JobState, Usage
from jobs.request import Candidate, InferenceRequest, Message, RequestType, SamplingParams, TokenLogprobs
from jobs.token_run import TokenRun

ENDED_AT = 1_795_384_802.5
QUEUED = Job(
    id="resp_4fZ8kQm2xLw9RtYb7NcVd1",
    tenant="default",
    request=InferenceRequest(
        model="poet",
        type=RequestType.CHAT_COMPLETION,
        messages=(Message("user", "Who knocks?"),),
        params=SamplingParams(temperature=0.5),
    ),
    state=JobState.QUEUED,
    version=1,
    sequence=1,
    created_at=1_795_384_800.25,
    deadline_at=1_795_471_200.0,
    timeout_seconds=600,
    retention_seconds=86_400,
    max_attempts=3,
    asked=AskedResponse().recorded(),
)
FAILURE = AttemptError(code="engine_error", message="The engine failed.")
NO_TOKENS = TokenRun()


def tokens(pieces: Sequence[str], *, first: int = 0, with_logprobs: bool = False) -> TokenRun:
    told = tuple(TokenLogprobs(Candidate(piece, -0.5), (Candidate("x", -0.1),)) for piece in pieces)
    ids = tuple(range(first, first + len(pieces)))
    return TokenRun(first=first, ids=ids, pieces=tuple(pieces), logprobs=told if with_logprobs else ())


def look(run: TokenRun, job: Job | None) -> Look:
    return Look(tokens=run, job=job)


def claimed(job: Job) -> Job:
    """Some worker had it, whether or not it is queued again."""
    return replace(job, claimed_at=job.created_at + 1, version=job.version + 1)


def ended(state: JobState, pieces: Sequence[str] = (), **changes: Any) -> Job:
    usual: dict[str, Any] = {
        "state": state,
        "finished_at": ENDED_AT,
        "text": "".join(pieces) or ("" if state is JobState.SUCCEEDED else None),
        "finish_reason": "stop" if state is JobState.SUCCEEDED else None,
        "error": FAILURE if state is JobState.FAILED else None,
        "usage": Usage(prompt_tokens=3, completion_tokens=len(pieces)),
    }
    return replace(claimed(QUEUED), **usual | changes)


def told(*looks: Look | None) -> list[dict[str, Any]]:
    return [event for event in response_events(looks) if event is not None]


def names(events: Iterable[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def in_the_background(job: Job) -> Job:
    return replace(job, asked=AskedResponse(background=True).recorded())


def test_a_whole_response_is_told_from_its_creation_to_its_completion() -> None:
    events = told(look(tokens(["A ", "friend"]), ended(JobState.SUCCEEDED, ["A ", "friend"])))

    assert names(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event["sequence_number"] for event in events] == list(range(10))
    assert [event["response"]["status"] for event in (events[0], events[1], events[-1])] == [
        "queued",
        "in_progress",
        "completed",
    ]
    assert events[-4]["text"] == events[-1]["response"]["output"][0]["content"][0]["text"] == "A friend"
    assert events[2]["item"]["id"] == events[4]["item_id"] == "msg_4fZ8kQm2xLw9RtYb7NcVd1"


def test_a_background_response_is_told_as_queued() -> None:
    events = told(look(NO_TOKENS, in_the_background(QUEUED)))

    assert names(events) == ["created", "queued"]


@pytest.mark.parametrize(
    ("final", "end", "status"),
    [
        (replace(ended(JobState.CANCELLED), claimed_at=None), "incomplete", "cancelled"),
        (replace(ended(JobState.EXPIRED), claimed_at=None), "failed", "failed"),
    ],
    ids=["cancelled", "expired"],
)
def test_what_ends_in_the_queue_was_never_in_progress(final: Job, end: str, status: str) -> None:
    events = told(look(NO_TOKENS, in_the_background(QUEUED)), look(NO_TOKENS, in_the_background(final)))

    assert names(events) == ["created", "queued", end]
    assert (events[-1]["response"]["status"], events[-1]["response"]["output"]) == (status, [])


def test_what_fails_before_its_first_token_has_no_message() -> None:
    events = told(look(NO_TOKENS, ended(JobState.FAILED)))

    assert names(events) == ["created", "in_progress", "failed"]
    assert events[-1]["response"]["error"]["code"] == "server_error"
    assert "engine_error" in events[-1]["response"]["error"]["message"]


def test_a_cancelled_response_keeps_its_partial_text() -> None:
    events = told(look(tokens(["A ", "fr"]), ended(JobState.CANCELLED, ["A ", "fr"])))

    assert names(events)[-4:] == ["output_text.done", "content_part.done", "output_item.done", "incomplete"]
    (item,) = events[-1]["response"]["output"]
    assert (item["status"], item["content"][0]["text"]) == ("incomplete", "A fr")
    assert events[-1]["response"]["usage"]["output_tokens"] == 2


def test_a_response_of_no_token_is_complete_and_empty() -> None:
    events = told(look(NO_TOKENS, ended(JobState.SUCCEEDED)))

    assert "output_text.delta" not in names(events)
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == ""


def test_log_probabilities_are_told_where_they_were_asked_for() -> None:
    pieces = ["A ", "fr"]
    events = told(look(tokens(pieces, with_logprobs=True), ended(JobState.SUCCEEDED, pieces)))

    deltas = [event for event in events if event["type"] == "response.output_text.delta"]
    assert [one["token"] for event in deltas for one in event["logprobs"]] == pieces
    assert events[-4]["logprobs"] == [one for event in deltas for one in event["logprobs"]]
    (part,) = events[-1]["response"]["output"][0]["content"]
    assert [(one["token"], one["bytes"]) for one in part["logprobs"]] == [("A ", [65, 32]), ("fr", [102, 114])]


def test_each_frame_carries_its_number_and_its_type() -> None:
    first, *_, last = response_frames([look(tokens(["A"]), ended(JobState.SUCCEEDED, ["A"]))])

    assert b"event: response.created\n" in first
    assert b"id: 0\n" in first
    assert b"event: response.completed\n" in last
    assert b"id: 8\n" in last


ENDS = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED)


@st.composite
def responses(draw: st.DrawFn) -> tuple[Job, TokenRun]:
    """How a response ended, and its tokens."""
    with_logprobs = draw(st.booleans())
    pieces = draw(st.lists(st.sampled_from(["", "a", "be ", "é", "\n"]), max_size=8))
    reason = draw(st.sampled_from(["stop", "length"]))
    final = ended(draw(st.sampled_from(ENDS)), pieces)
    if final.state is JobState.SUCCEEDED:
        final = replace(final, finish_reason=reason)
    elif not pieces and draw(st.booleans()):
        final = replace(final, claimed_at=None)
    if draw(st.booleans()):
        final = in_the_background(final)
    return final, tokens(pieces, with_logprobs=with_logprobs)


@st.composite
def looks_at(draw: st.DrawFn, final: Job, log: TokenRun) -> list[Look | None]:
    """How one reader may have seen it come: tokens in any portions, with any attempts and pauses in between."""
    start = replace(QUEUED, asked=final.asked)
    seen: list[Look | None] = []
    at, was_claimed = 0, False
    for size in draw(st.lists(st.integers(0, 3), max_size=6)):
        end = min(len(log), at + size)
        was_claimed = was_claimed or end > 0 or (final.claimed_at is not None and draw(st.booleans()))
        job = claimed(start) if was_claimed else start
        state = draw(st.sampled_from([JobState.QUEUED, JobState.RUNNING])) if was_claimed else JobState.QUEUED
        knows = not any(seen) or draw(st.booleans())
        run = log.since(at)
        part = TokenRun(
            first=at, ids=run.ids[: end - at], pieces=run.pieces[: end - at], logprobs=run.logprobs[: end - at]
        )
        seen.append(look(part, replace(job, state=state) if knows else None))
        at = end
        if draw(st.booleans()):
            seen.append(None)
    seen.append(look(log.since(at), final))
    return seen


@given(data=st.data(), response=responses())
def test_whatever_way_its_tokens_come_a_reader_is_told_the_same(
    data: st.DataObject, response: tuple[Job, TokenRun]
) -> None:
    final, log = response

    live = told(*data.draw(looks_at(final, log)))

    assert live == told(look(log, final))
    assert [event["sequence_number"] for event in live] == list(range(len(live)))


@given(data=st.data(), response=responses())
def test_a_reader_that_is_cut_off_anywhere_goes_on_without_gap_or_repeat(
    data: st.DataObject, response: tuple[Job, TokenRun]
) -> None:
    final, log = response
    replay = [frame for frame in response_frames([look(log, final)]) if b"data:" in frame]

    had: list[bytes] = []
    while len(had) < len(replay):
        frames = response_frames(data.draw(looks_at(final, log)), after=len(had) - 1)
        rest = [frame for frame in frames if b"data:" in frame]
        had += rest[: data.draw(st.integers(1, len(rest)))]

    assert had == replay


@given(response=responses())
def test_a_response_has_the_documented_form(response: tuple[Job, TokenRun]) -> None:
    final, log = response
    whole = response_document(final, log.logprobs)

    assert ResponseDocumentSchema().dump(whole) == whole


@given(response=responses())
def test_every_event_is_one_that_openai_declares(response: tuple[Job, TokenRun]) -> None:
    final, log = response
    kind: Any = ResponseStreamEvent

    for event in told(look(log, final)):
        declared: Any = validate_type(type_=kind, value=json.loads(json.dumps(event)))
        assert declared.type == event["type"]
    whole: Any = validate_type(type_=Response, value=response_document(final, log.logprobs))
    assert whole.status in {"completed", "incomplete", "failed", "cancelled"}

"""The events of a response's stream, numbered by the record alone.

    created, queued, in_progress, item added, part added, a delta per token, text, part and item done, the end

`queued` is told of background responses, `in_progress` once a worker has claimed the job, and the message from its
first token on or, without one, at a successful end. None of these is ever taken back, so that every reader of a
response is told the same events under the same numbers: while it runs, afterwards, and where another one was cut off.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any

from api import sse
from api.following import Look
from api.response_asked import asked_of
from api.response_document import (
    event_logprobs,
    message_id,
    message_item,
    output_items,
    response_document,
    response_status,
    text_part,
)
from jobs.job import Job, JobState, Usage
from jobs.request import TokenLogprobs

Event = dict[str, Any]

_ENDS = {"completed": "completed", "failed": "failed", "incomplete": "incomplete", "cancelled": "incomplete"}
"""OpenAI's clients know no event of a cancel: that is an incomplete response whose status is `cancelled`."""


def response_frames(looks: Iterable[Look | None], *, after: int = -1) -> Iterator[bytes]:
    """What is sent to a reader that has had the event numbered *after*, -1 for none; heartbeats in between."""
    for event in response_events(looks):
        if event is None:
            yield sse.COMMENT
        elif event["sequence_number"] > after:
            yield sse.event(event, name=event["type"], id=event["sequence_number"])


def response_events(looks: Iterable[Look | None]) -> Iterator[Event | None]:
    """The events of a response whose looks begin with its first token; None for None."""
    telling: _Telling | None = None
    for look in looks:
        if look is None:
            yield None
            continue
        if telling is None:
            if look.job is None:
                raise ValueError("the first look has the job")
            telling = _Telling(look.job)
            yield from telling.begin()
        yield from telling.go_on(look)


class _Telling:
    """What one reader has been told so far."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._numbers = count()
        self._is_in_progress = False
        self._has_item = False
        self._logprobs: list[TokenLogprobs | None] = []

    def begin(self) -> Iterator[Event]:
        queued = {"response": response_document(_as_it_was(self._job, JobState.QUEUED))}
        yield self._event("created", queued)
        if asked_of(self._job).background:
            yield self._event("queued", queued)

    def go_on(self, look: Look) -> Iterator[Event]:
        self._job = look.job or self._job
        if self._job.claimed_at is not None or len(look.tokens):
            yield from self._progress()
        if len(look.tokens) or self._job.state is JobState.SUCCEEDED:
            yield from self._open_item()
        place = self._place()
        self._logprobs.extend(look.tokens.logprobs)
        for index, piece in enumerate(look.tokens.pieces):
            told = event_logprobs(look.tokens.logprobs[index : index + 1])
            yield self._event("output_text.delta", place | {"delta": piece, "logprobs": told})
        if self._job.is_final:
            yield from self._end()

    def _progress(self) -> Iterator[Event]:
        if not self._is_in_progress:
            self._is_in_progress = True
            yield self._event("in_progress", {"response": response_document(_as_it_was(self._job, JobState.RUNNING))})

    def _open_item(self) -> Iterator[Event]:
        if not self._has_item:
            self._has_item = True
            item = message_item(self._job, "in_progress", [])
            yield self._event("output_item.added", {"output_index": 0, "item": item})
            yield self._event("content_part.added", self._place() | {"part": text_part("")})

    def _end(self) -> Iterator[Event]:
        if self._has_item:
            self._job = replace(self._job, text=self._job.text or "")
            (item,) = output_items(self._job, self._logprobs)
            (part,) = item["content"]
            told = event_logprobs(self._logprobs)
            yield self._event("output_text.done", self._place() | {"text": part["text"], "logprobs": told})
            yield self._event("content_part.done", self._place() | {"part": part})
            yield self._event("output_item.done", {"output_index": 0, "item": item})
        end = _ENDS[response_status(self._job)]
        yield self._event(end, {"response": response_document(self._job, self._logprobs)})

    def _place(self) -> dict[str, Any]:
        return {"item_id": message_id(self._job), "output_index": 0, "content_index": 0}

    def _event(self, kind: str, members: dict[str, Any]) -> Event:
        return {"type": f"response.{kind}", "sequence_number": next(self._numbers)} | members


def _as_it_was(job: Job, state: JobState) -> Job:
    """The job when it took *state*, as far as its response tells."""
    return replace(job, state=state, text=None, finish_reason=None, error=None, finished_at=None, usage=Usage())

"""`GET /v1/jobs/{id}/events` and what it has in common with `POST /v1/infer`: a stream of native frames."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Response, request
from marshmallow import post_load

from api import stream_examples
from api.auth import caller
from api.blueprint import Blueprint
from api.errors import FieldError, InvalidHeader
from api.event_streams import EventStreams
from api.fields import QueryWhole
from api.following import Following
from api.job_events import job_frames
from api.job_requests import checked_id
from api.parameters import LAST_EVENT_ID
from api.sse import EVENT_SCHEMA
from api.stream_places import Place
from api.strict_schema import QuerySchema
from jobs.access.api_key import Scope
from jobs.followed import Cursor
from jobs.job import Job
from jobs.store import JobStore

MAX_INDEX = 999_999_999
HEADER = "Last-Event-ID"

_INDEX = re.compile(r"-1|[0-9]{1,9}")


class EventsQuerySchema(QuerySchema):
    """Where a reader goes on."""

    after = QueryWhole(
        -1,
        MAX_INDEX,
        metadata={"description": "The id of the last event that the reader has; -1 for none, the default"},
    )

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> int:
        return int(data.get("after", -1))


@dataclass(frozen=True, kw_only=True)
class JobStreams:
    """Streams of native frames; `document` makes the job object."""

    store: JobStore
    following: Following
    streams: EventStreams
    document: Callable[[Job], dict[str, Any]]

    def place(self) -> Place:
        """A place for a stream to come, as a context; raises TooManyStreams."""
        return self.streams.place()

    def respond(
        self,
        job_id: str,
        *,
        after: int = -1,
        place: Place,
        headers: Mapping[str, str] | None = None,
        on_gone: Callable[[], object] | None = None,
    ) -> Response:
        """The stream of a job; raises what `Following.follow` does."""
        looks = self.following.follow(caller().tenant, job_id, after=after)
        frames = job_frames(looks, after=after, document=self.document)
        return self.streams.respond(frames, looks=looks, place=place, headers=headers, on_gone=on_gone)

    def is_at_the_end(self, job_id: str, after: int) -> bool:
        """Whether the job is final and a reader with the event *after* has all of its events."""
        if after < 0:
            return False
        followed = self.store.follow(caller().tenant, job_id, Cursor(tokens=after))
        while followed.has_more and not len(followed.tokens):
            followed = self.store.follow(caller().tenant, job_id, followed.cursor)
        return followed.state.is_final and not len(followed.tokens)


def add_events_of_job(blueprint: Blueprint, *, job_streams: JobStreams) -> None:
    """Add the stream of a single job."""

    @blueprint.view(
        "GET", "/<job_id>/events", scope=Scope.JOBS_READ, operationId="followJob", parameters=[LAST_EVENT_ID]
    )
    @blueprint.takes(EventsQuerySchema, location="query")
    @blueprint.answers(
        HTTPStatus.OK,
        EVENT_SCHEMA,
        description="Events, as they come",
        content_type="text/event-stream",
        examples=stream_examples.STREAMS,
    )
    @blueprint.also_answers(HTTPStatus.NO_CONTENT, description="The job is final, and the reader has all of its events")
    @blueprint.refuses(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.GONE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    )
    def events(after: int, job_id: str) -> Response:
        """Follow the tokens of a job.

        Server-sent events: first `snapshot`, then `token` after `token`, `status` when the job's state or attempt
        changes, and at last `final`. A reader that was cut off goes on with `Last-Event-ID` or `?after=`.
        """
        after = _last_event_id(request.headers.get(HEADER), after)
        found = checked_id(job_id)
        if job_streams.is_at_the_end(found, after):
            return Response(status=HTTPStatus.NO_CONTENT)
        with job_streams.place() as place:
            return job_streams.respond(found, after=after, place=place)


def _last_event_id(header: str | None, otherwise: int) -> int:
    if header is None:
        return otherwise
    if not _INDEX.fullmatch(header.strip()):
        message = f"must be the id of an event: a whole number from -1 to {MAX_INDEX}"
        raise InvalidHeader(f"{HEADER}: {message}", [FieldError(HEADER, message)])
    return int(header)

"""What the views of a job read from a request and write into the headers of its answer."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Response, jsonify, request

from api.preferences import Preference, parse_prefer
from jobs.errors import JobNotFound
from jobs.job import Job
from jobs.queues import QueuePlace

MAX_RETRY_SECONDS = 120
"""OpenAI's clients give up when they are told to wait longer."""

_JOB_ID = re.compile(r"(job|resp)_[0-9A-Za-z]{22}")
_USUAL_SECONDS = 2


def checked_id(job_id: str) -> str:
    """The id, if it could be one; else it is as unknown as any other job."""
    if not _JOB_ID.fullmatch(job_id):
        raise JobNotFound(job_id)
    return job_id


def preference() -> Preference:
    """What the request prefers."""
    return parse_prefer(request.headers.getlist("Prefer"))


def entity_tag(job: Job) -> str:
    """Weak: the same version may be told with another place in the queue."""
    return f'W/"{job.version}"'


def has_current(job: Job) -> bool:
    """Whether the client has told that it knows this version."""
    return bool(request.if_none_match.contains_weak(str(job.version)))


def retry_after(job: Job, place: QueuePlace | None, *, now: float) -> dict[str, str]:
    """When to ask again, while there is something to ask for; `now` is in Unix seconds."""
    if job.is_final:
        return {}
    seconds: float = _USUAL_SECONDS if job.started_at is None else 1
    if job.not_before is not None:
        seconds = job.not_before - now
    elif place is not None and place.eta_seconds is not None:
        seconds = place.eta_seconds
    return {"Retry-After": str(min(MAX_RETRY_SECONDS, max(1, math.ceil(seconds))))}


def not_modified(job: Job, headers: Mapping[str, str]) -> Response:
    """304, with what the client may use of the headers."""
    return Response(status=HTTPStatus.NOT_MODIFIED, headers={**headers, "ETag": entity_tag(job)})


def with_headers(body: Mapping[str, Any], status: HTTPStatus, headers: Mapping[str, str]) -> Response:
    """A JSON answer that is complete as it is."""
    response = jsonify(body)
    response.status_code = status
    response.headers.extend(headers)
    return response

"""Every error as a problem document (RFC 9457) that is an OpenAI error at the same time: how a problem looks."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from api import want_of_room
from api.cut_text import cut
from api.errors import ApiError, FieldError
from api.problem_types import ProblemType
from jobs import errors as job_errors
from jobs.access import errors as key_errors
from jobs.batches import errors as batch_errors
from jobs.files import errors as file_errors
from jobs.webhooks import errors as webhook_errors
from jobs.webhooks.sealing import VARIABLE

_REPEATED = frozenset({HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS})

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "/problems/"

LONGEST_ID = 40
"""Characters that are told of what should have been an id."""


def document(
    kind: ProblemType,
    detail: str,
    errors: Sequence[FieldError] = (),
    *,
    code: str | None = None,
    violated: Sequence[str] = (),
) -> dict[str, Any]:
    """The body of a problem; `code` is a finer one than the kind gives, `violated` the windows that are full."""
    body: dict[str, Any] = {
        "type": TYPE_PREFIX + kind.slug if kind.slug else "about:blank",
        "title": kind.title,
        "status": kind.status.value,
        "detail": detail,
        "retryable": kind.retryable,
    }
    if errors:
        body["errors"] = [{"field": error.field, "message": error.message} for error in errors]
    if violated:
        body["violated-policies"] = list(violated)
    body["error"] = {
        "message": detail,
        "type": _openai_type(kind.status),
        "param": errors[0].field if errors else None,
        "code": code or (errors[0].code if errors else None) or kind.slug.replace("-", "_") or None,
    }
    return body


def headers(kind: ProblemType) -> dict[str, str]:
    """What is told beside the body; OpenAI's clients repeat these statuses unless they are told not to."""
    told = {}
    if kind.retry_after_seconds is not None:
        told["Retry-After"] = str(kind.retry_after_seconds)
    if kind.status is HTTPStatus.UNAUTHORIZED:
        told["WWW-Authenticate"] = 'Bearer realm="frontier"'
    is_repeated = kind.status in _REPEATED or kind.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if is_repeated and not kind.retryable:
        told["x-should-retry"] = "false"
    return told


def detail_of(error: Exception, kind: ProblemType) -> tuple[str, Sequence[FieldError]]:
    """What may be told about *error*: our own words, never those of a library."""
    match error:
        case ApiError():
            return error.detail, error.errors
        case job_errors.IdempotencyMismatch():
            message = f"was used for {error.made} with another body; choose a new key"
            return f"Idempotency-Key: {message}", [FieldError("Idempotency-Key", message)]
        case job_errors.QueueFull() | job_errors.QuotaExceeded():
            return want_of_room.detail(error), ()
        case job_errors.ModelDraining():
            return f"{error.model} works off the jobs it has until somebody resumes it.", ()
        case (
            file_errors.FilesFull()
            | webhook_errors.EndpointLimit()
            | webhook_errors.NoSealer()
            | key_errors.KeyHasOther()
            | batch_errors.BatchNotFound()
        ):
            return _detail_of_others(error), ()
    return kind.title, ()


def _detail_of_others(
    error: file_errors.FilesFull
    | webhook_errors.EndpointLimit
    | webhook_errors.NoSealer
    | key_errors.KeyHasOther
    | batch_errors.BatchNotFound,
) -> str:
    if isinstance(error, batch_errors.BatchNotFound):
        return f"No batch has the id {cut(error.batch_id, LONGEST_ID)}, or none any more."
    if isinstance(error, file_errors.FilesFull):
        return f"All files have {error.used} bytes, and may have {error.limit}; delete some first."
    if isinstance(error, key_errors.KeyHasOther):
        return f"{error.other} is of the same line and live; revoke one of the two first."
    if isinstance(error, webhook_errors.EndpointLimit):
        return f"There are {error.limit} endpoints already; delete one first."
    return f"Webhooks are signed, and no secret is stored unsealed: the operator has to set {VARIABLE}."


def _openai_type(status: HTTPStatus) -> str:
    if status is HTTPStatus.UNAUTHORIZED:
        return "authentication_error"
    if status is HTTPStatus.TOO_MANY_REQUESTS:
        return "rate_limit_error"
    return "server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"

"""The one place where an error becomes an answer."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Any, cast

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from api import openai_dialect, problem_types, problems, want_of_room
from api.ended_jobs import kind_of_end, problem_of_job
from api.errors import ApiError, FieldError, JobEndedWithoutResult, RateLimited
from api.idempotency import HEADER

log = logging.getLogger(__name__)

_KEPT_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate", "Location")


def add_error_handler(app: Flask) -> None:
    """Answer every error of the app with a problem document."""
    app.register_error_handler(Exception, problem_response)


def problem_response(error: Exception) -> Response:
    """The answer to *error*: a problem document, or for what is no error of ours what it answers itself."""
    if isinstance(error, HTTPException):
        return _of_http_exception(error)
    if isinstance(error, JobEndedWithoutResult):
        kind = kind_of_end(error.job)
        told = {} if kind.retryable and _makes_another_job() else {"x-should-retry": "false"}
        headers = problems.headers(kind) | told | dict(error.headers)
        return _respond(problem_of_job(error.job, error.names), headers)
    kind = problem_types.find_problem_type(error)
    if kind is problem_types.INTERNAL_ERROR:
        # The traceback may hold what a client sent; the kind and the place are enough to find the fault.
        log.error("request_failed", extra=_where(error))
    g.problem_slug = kind.slug
    headers = problems.headers(kind) | (dict(error.headers) if isinstance(error, ApiError) else {})
    violated = list(error.violated) if isinstance(error, RateLimited) else []
    if isinstance(error, want_of_room.WantOfRoom):
        headers |= want_of_room.headers(error)
        violated = want_of_room.violated(error)
    return _respond(problems.document(kind, *problems.detail_of(error, kind), violated=violated), headers)


def _makes_another_job() -> bool:
    """Whether the same request again would not find the job that has ended."""
    return request.method == "POST" and HEADER not in request.headers


def _of_http_exception(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    if status < HTTPStatus.BAD_REQUEST:
        return cast("Response", error.get_response())
    kind = problem_types.OF_STATUS.get(status, problem_types.ProblemType(slug="", status=status, title=status.phrase))
    errors: list[FieldError] = []
    detail = kind.title
    if isinstance(error, RequestEntityTooLarge):
        errors = [FieldError("body", f"is larger than the {request.max_content_length} bytes that are accepted")]
        detail = f"body: {errors[0].message}"
    kept = {name: value for name, value in error.get_headers() if name in _KEPT_HEADERS}
    return _respond(problems.document(kind, detail, errors), problems.headers(kind) | kept)


def _respond(body: dict[str, Any], headers: dict[str, str]) -> Response:
    if openai_dialect.is_spoken_to(request.method, request.path):
        body = openai_dialect.translated(body)
    text = json.dumps(body, allow_nan=False, ensure_ascii=False) + "\n"
    return Response(text, status=body["status"], headers=headers, mimetype=problems.MEDIA_TYPE)


def _where(error: Exception) -> dict[str, str]:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else "unknown"
    return {"error": type(error).__name__, "place": place, "request_id": g.get("request_id", "")}

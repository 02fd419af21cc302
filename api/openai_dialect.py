"""How problems are told where OpenAI's clients ask: with the statuses and the codes that they know."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from api.ended_jobs import problem_of_job
from api.errors import Names
from jobs.job import Job

_PATHS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/files", "/v1/batches")
_MODELS = "/v1/models/"

_CODES = {
    "invalid_request": "invalid_value",
    "not_authenticated": "invalid_api_key",
    "rate_limited": "rate_limit_exceeded",
}
"""Where OpenAI has another word than ours."""


def is_spoken_to(method: str, path: str) -> bool:
    """Whether this call is one of OpenAI's API; what changes the mode of a model is our own."""
    return path.startswith(_PATHS) or (method == "GET" and f"{path}/".startswith(_MODELS))


def translated(problem: dict[str, Any]) -> dict[str, Any]:
    """A problem document in the dialect: 400 for what is 422 elsewhere, and OpenAI's code."""
    is_unprocessable = problem["status"] == HTTPStatus.UNPROCESSABLE_ENTITY
    error = problem["error"]
    return problem | {
        "status": HTTPStatus.BAD_REQUEST.value if is_unprocessable else problem["status"],
        "error": error | {"code": _CODES.get(error["code"], error["code"])},
    }


def error_of_job(job: Job, names: Names) -> dict[str, Any]:
    """OpenAI's `error` alone, for a stream whose job has ended without a result."""
    error: dict[str, Any] = translated(problem_of_job(job, names))["error"]
    return error

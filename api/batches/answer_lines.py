"""What became of a line, as a line of the batch's output or of its errors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal

from api.batches.endpoints import Endpoint
from api.batches.line_job import LineOfJob
from api.ended_jobs import problem_of_job
from api.openai_dialect import translated
from jobs.job import Job, JobState
from jobs.token_run import TokenRun

AnswerKind = Literal["output", "errors"]

CANCELLED = "batch_cancelled"
EXPIRED = "batch_expired"
LOST = "line_lost"

_MESSAGES = {
    CANCELLED: "The line was cancelled, or its batch, before it had its result.",
    EXPIRED: "The completion window of the batch was over before this line had its result.",
    LOST: "What has become of the line is not known: its job is gone.",
}
_LINE_BREAKS = str.maketrans({0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"})
"""Readers that split a text into lines as Unicode has them would break a line there."""


@dataclass(frozen=True, slots=True)
class AnswerLine:
    """One line of JSON with its line feed, and of which of the two files."""

    kind: AnswerKind
    text: bytes


def answer_of_job(job: Job, tokens: TokenRun, endpoint: Endpoint, *, left_code: str = CANCELLED) -> AnswerLine:
    """What the route would have answered with the final *job* of a line, or why it was not done.

    The *tokens* are needed where log probabilities were asked for. `left_code` is said of a job that was cancelled.
    """
    line = LineOfJob.of(job)
    if job.state is JobState.SUCCEEDED:
        told = tokens if job.request.params.logprobs is not None else TokenRun()
        response = _response(job.id, HTTPStatus.OK, endpoint.answer(job, told))
        return AnswerLine("output", _line(job.id, line.custom_id, response, None))
    if job.state in {JobState.CANCELLED, JobState.EXPIRED}:
        return answer_of_left(job.id, line.custom_id, EXPIRED if job.state is JobState.EXPIRED else left_code)
    return answer_of_problem(job.id, line.custom_id, translated(problem_of_job(job, line.names)))


def answer_of_problem(job_id: str, custom_id: str, problem: dict[str, Any]) -> AnswerLine:
    """What the route would have refused the line with, in OpenAI's dialect: the body says why, nothing beside it."""
    return AnswerLine("errors", _line(job_id, custom_id, _response(job_id, problem["status"], problem), None))


def answer_of_left(job_id: str, custom_id: str | None, code: str) -> AnswerLine:
    """That of a line which was not run to its end; *code* is CANCELLED, EXPIRED or LOST."""
    return AnswerLine("errors", _line(job_id, custom_id, None, {"code": code, "message": _MESSAGES[code]}))


def _response(job_id: str, status: int, body: dict[str, Any]) -> dict[str, Any]:
    return {"status_code": int(status), "request_id": _id("req", job_id), "body": body}


def _line(job_id: str, custom_id: str | None, response: dict[str, Any] | None, error: dict[str, Any] | None) -> bytes:
    told = {"id": _id("batch_req", job_id), "custom_id": custom_id, "response": response, "error": error}
    text = json.dumps(told, ensure_ascii=False, allow_nan=False)
    return (text if text.isascii() else text.translate(_LINE_BREAKS)).encode() + b"\n"


def _id(kind: str, job_id: str) -> str:
    return f"{kind}_{job_id.partition('_')[2]}"

"""What became of a line of a bulk run, as one line of its output."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from scripts.api_errors import ApiProblem
from scripts.bulk_input import BadLine
from scripts.job_view import JobView

SUCCEEDED, FAILED, REFUSED = "succeeded", "failed", "refused"
MEMBERS = frozenset({"line", "id", "status", "text", "finish_reason", "usage", "error"})
NOT_OURS = "this is no outcome of a line"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of one input line; *status* is the final state of its job, or `refused` if there never was one."""

    line: int
    status: str
    id: str | None = None
    text: str | None = None
    finish_reason: str | None = None
    usage: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None

    def as_bytes(self) -> bytes:
        """One line of JSON; a lone surrogate, which UTF-8 cannot hold, comes out as its JSON escape."""
        record: dict[str, Any] = {
            "line": self.line,
            "id": self.id,
            "status": self.status,
            "text": self.text,
            "finish_reason": self.finish_reason,
            "usage": self.usage,
        }
        if self.error is not None:
            record["error"] = self.error
        return (json.dumps(record, ensure_ascii=False) + "\n").encode(errors="backslashreplace")

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """What `as_bytes` has written; raises ValueError for anything else."""
        try:
            record = json.loads(raw)
        except RecursionError as error:
            raise ValueError(NOT_OURS) from error
        if not isinstance(record, dict) or not {"line", "status"} <= record.keys() <= MEMBERS:
            raise ValueError(NOT_OURS)
        if not isinstance(record["line"], int) or not isinstance(record["status"], str):
            raise ValueError(NOT_OURS)  # noqa: TRY004 - a file's content, not our code
        return cls(**record)


def of_bad_line(line: BadLine) -> Outcome:
    error = {"type": "bad-line", "title": "the line is no submission", "detail": line.reason}
    return Outcome(line=line.number, status=REFUSED, error=error)


def of_job(line: int, job: JobView) -> Outcome:
    return Outcome(
        line=line,
        status=str(job.state),
        id=job.id,
        text=job.text,
        finish_reason=job.finish_reason,
        usage=job.member("usage") or None,
        error=job.error,
    )


def of_refusal(line: int, problem: ApiProblem) -> Outcome:
    return Outcome(line=line, status=REFUSED, error=problem.as_json())


def of_line_refused(line: int, error: Mapping[str, Any]) -> Outcome:
    """Of a line for which a batch was refused; *error* is the entry in the batch's errors."""
    told = {"type": str(error.get("code") or ""), "title": "the line is refused", "detail": _without_place(error)}
    return Outcome(line=line, status=REFUSED, error=told)


def of_failure(line: int, *, job_id: str | None, error: Exception) -> Outcome:
    """A line whose end is not known to us; its job, if it has one, may still finish."""
    document = error.as_json() if isinstance(error, ApiProblem) else _document(error)
    return Outcome(line=line, status=FAILED, id=job_id, error=document)


def _without_place(error: Mapping[str, Any]) -> str:
    """The message, which begins with the place of the line in the file of the batch."""
    return str(error.get("message") or "").removeprefix(f"Line {error.get('line')}: ")


def _document(error: Exception) -> dict[str, str]:
    return {"type": type(error).__name__, "title": "the result could not be fetched", "detail": str(error)}

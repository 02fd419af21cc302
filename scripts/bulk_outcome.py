"""What became of a line of a bulk run, and the sums over all of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scripts.api_errors import ApiProblem
from scripts.bulk_input import BadLine
from scripts.job_view import JobView

SUCCEEDED, FAILED, REFUSED = "succeeded", "failed", "refused"


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


def of_failure(line: int, *, job_id: str | None, error: Exception) -> Outcome:
    """A line whose end is not known to us; its job, if it has one, may still finish."""
    document = error.as_json() if isinstance(error, ApiProblem) else _document(error)
    return Outcome(line=line, status=FAILED, id=job_id, error=document)


def _document(error: Exception) -> dict[str, str]:
    return {"type": type(error).__name__, "title": "the result could not be fetched", "detail": str(error)}


@dataclass(slots=True)
class Tally:
    """Running sums over outcomes."""

    by_status: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def add(self, outcome: Outcome) -> None:
        self.by_status[outcome.status] += 1
        usage = outcome.usage or {}
        self.prompt_tokens += usage.get("prompt_tokens") or 0
        self.completion_tokens += usage.get("completion_tokens") or 0

    @property
    def lines(self) -> int:
        return self.by_status.total()

    @property
    def unsuccessful(self) -> int:
        return self.lines - self.by_status[SUCCEEDED]

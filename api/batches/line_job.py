"""The job of a line: its id, and what its record keeps of the line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from api.batches.lines import Line
from api.errors import Names
from jobs.batches.ids import line_job_id
from jobs.job import Job

MEMBER = "line"
"""The member of `Job.asked` that says which line it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineOfJob:
    """What the answer of a line needs besides its job; `names` are the client's for the members of the job."""

    number: int
    custom_id: str
    names: Names

    @classmethod
    def of(cls, job: Job) -> Self:
        """What `recorded_line` has written."""
        line: Mapping[str, Any] = job.asked[MEMBER]
        return cls(number=line["number"], custom_id=line["custom_id"], names=line["names"])


def job_id_of_line(batch_id: str, number: int, *, kind: str) -> str:
    """The same for the same line, so that its second submission finds the first; *kind* is what it begins with."""
    return f"{kind}_{line_job_id(batch_id, number).partition('_')[2]}"


def recorded_line(line: Line) -> dict[str, Any]:
    """What `Job.asked` keeps: what the interface tells again, and which line it is."""
    told = {"number": line.number, "custom_id": line.custom_id, "names": dict(line.names)}
    return {**line.submission.asked, MEMBER: told}

"""Why a job ended without a result, as a problem."""

from __future__ import annotations

from typing import Any

from api import problems
from api.errors import OWN_NAMES, FieldError, Names
from api.problem_types import OF_ENDED_JOBS, ProblemType
from jobs.job import Job, JobState

LOSSES_OF_A_SUSPECT = 2
"""What is given up after more of them may have ended its workers; before, it only could not be continued."""


def kind_of_end(job: Job) -> ProblemType:
    """Which problem it is that a job has failed, expired or was cancelled."""
    if job.state is not JobState.FAILED or job.error is None:
        return OF_ENDED_JOBS[job.state.value]
    if job.error.code == "worker_lost" and job.lost_leases <= LOSSES_OF_A_SUSPECT:
        return OF_ENDED_JOBS["stream_lost"]
    if job.error.code in OF_ENDED_JOBS:
        return OF_ENDED_JOBS[job.error.code]
    return OF_ENDED_JOBS["refused" if job.error.field else "failed"]


def problem_of_job(job: Job, names: Names = OWN_NAMES) -> dict[str, Any]:
    """The problem document of a job that has ended without a result."""
    kind = kind_of_end(job)
    instance = {"instance": f"/v1/jobs/{job.id}"}
    if job.error is None:
        return problems.document(kind, kind.title) | instance
    blamed = [FieldError(job.error.field, job.error.message).renamed(names)] if job.error.field else []
    return problems.document(kind, job.error.message, blamed, code=job.error.code) | instance

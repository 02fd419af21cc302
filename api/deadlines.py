"""Refuses what would not be done in time: better told at submit than found out at the deadline."""

from __future__ import annotations

from api.errors import DeadlineUnmeetable
from jobs.new_job import NewJob
from jobs.store import JobStore


def check_deadlines(store: JobStore, job: NewJob) -> None:
    """Raise DeadlineUnmeetable if the job could not start, or end, by when its client says, at the live rate.

    Where nothing can be estimated it is taken: without a worker, before any job has ended, while the model is paused.
    One whose result is known does not run, and one that would follow a job that runs has started.
    """
    is_bound = job.start_within_seconds is not None or job.deadline_at is not None
    if not is_bound or (job.reuse and job.reuse.known):
        return
    prospect = store.prospect(job)
    starts = prospect.starts_in_seconds
    if starts is None:
        return
    if job.start_within_seconds is not None and starts > job.start_within_seconds:
        raise DeadlineUnmeetable.of(
            "start_within_s", f"is {job.start_within_seconds:g}; the job would start in about {starts:.3g} s"
        )
    if job.deadline_at is None:
        return
    takes = starts + (prospect.runs_for_seconds or 0.0)
    if prospect.now + takes > job.deadline_at:
        left = max(0.0, job.deadline_at - prospect.now)
        raise DeadlineUnmeetable.of("deadline", f"is {left:.3g} s away; the job would end in about {takes:.3g} s")

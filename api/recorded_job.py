"""A job that was accepted just now, as its record says."""

from __future__ import annotations

from dataclasses import replace

from jobs.answers import Accepted
from jobs.job import Job, JobState
from jobs.new_job import NewJob


def recorded_job(job: NewJob, accepted: Accepted, *, now: float, usual_deadline_seconds: float) -> Job:
    """Queued, but for the server's own clock and count; or, where its result was known, at its end, exactly.

    `now` is in Unix seconds. The delivery of a webhook of its own is not told.
    """
    now = now if accepted.ended_at is None else accepted.ended_at
    queued = Job(
        id=job.id,
        tenant=job.tenant,
        request=job.request,
        state=JobState.QUEUED,
        version=1,
        sequence=accepted.sequence,
        created_at=now,
        deadline_at=job.deadline_at or now + usual_deadline_seconds,
        start_by=None if job.start_within_seconds is None else now + job.start_within_seconds,
        timeout_seconds=job.timeout_seconds,
        retention_seconds=job.retention_seconds,
        max_attempts=job.max_attempts,
        key_id=job.key_id,
        priority=job.priority,
        metadata=job.metadata,
        webhook=job.webhook,
        asked=job.asked,
        digest=job.reuse.digest if job.reuse else None,
    )
    known = job.reuse.known if job.reuse else None
    if known is None:
        return queued
    return replace(
        queued,
        state=known.outcome.state,
        version=2,
        finished_at=now,
        expires_at=now + job.retention_seconds,
        emitted_tokens=known.outcome.usage.completion_tokens,
        text=known.outcome.text,
        finish_reason=known.outcome.finish_reason,
        usage=known.outcome.usage,
        vectors=known.outcome.vectors,
        is_cached=True,
        made_by=known.outcome.made_by,
    )

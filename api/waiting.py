"""Holds a request until its job has changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from api.long_poll import LongPoll
from api.submission import Submitted
from jobs.errors import StoreUnavailable
from jobs.job import Job
from jobs.store import JobStore


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """`on_served` is told of each job that was followed since its submit, as it is answered."""

    store: JobStore
    poll: LongPoll
    on_served: Callable[[Job], None] = lambda _: None

    def find(self, tenant: str, job_id: str, *, seconds: float, is_enough: Callable[[Job], bool]) -> Job:
        """The job as soon as it *is_enough*, or as it stands after *seconds*."""
        return self.poll.look(
            lambda: self.store.find(tenant, job_id),
            channel=self.store.keys.tenant(tenant, "wake", job_id),
            seconds=seconds,
            is_enough=is_enough,
        )

    def follow(self, submitted: Submitted, *, tenant: str, seconds: float) -> Job:
        """A job that was just submitted, as soon as it is final, or as it stands after *seconds*.

        What was recorded is not refused because it cannot be read back: then it is told as it was recorded.
        """
        if submitted.is_final and submitted.new is not None:
            return submitted.new
        try:
            job = self.find(tenant, submitted.job_id, seconds=seconds, is_enough=is_final)
        except StoreUnavailable:
            if submitted.new is None:
                raise
            return submitted.new
        self.on_served(job)
        return job


def is_final(job: Job) -> bool:
    """Enough for whoever waits for a result."""
    return job.is_final

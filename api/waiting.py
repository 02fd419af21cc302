"""Holds a request until its job has changed: the long poll."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from api.submission import Submitted
from api.wakeups import Wakeups
from jobs.errors import StoreUnavailable
from jobs.job import Job
from jobs.store import JobStore


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Waits by wake-ups, and looks again by itself every `reread_seconds`; `clock` is monotonic.

    `on_served` is told of each job that was followed since its submit, as it is answered.
    """

    store: JobStore
    wakeups: Wakeups
    clock: Callable[[], float]
    on_served: Callable[[Job], None] = lambda _: None
    reread_seconds: float = 5.0

    def find(self, tenant: str, job_id: str, *, seconds: float, is_enough: Callable[[Job], bool]) -> Job:
        """The job as soon as it *is_enough*, or as it stands after *seconds*.

        The watch begins before the first read, so no change falls between the two. A store that goes
        away during the wait may come back in time; only the first read fails for it. A process that is
        about to end answers early.
        """
        if seconds <= 0:
            return self.store.find(tenant, job_id)
        until = self.clock() + seconds
        with self.wakeups.watch(self.store.keys.tenant(tenant, "wake", job_id)) as watch:
            job = self.store.find(tenant, job_id)
            while not is_enough(job) and not self.wakeups.is_draining and (left := until - self.clock()) > 0:
                watch.wait(min(left, self.reread_seconds))
                try:
                    job = self.store.find(tenant, job_id)
                except StoreUnavailable:
                    continue
            return job

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

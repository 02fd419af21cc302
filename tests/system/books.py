"""What must be true when a fault is over and all work is done."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from redis import Redis

from jobs.job import Job, JobState
from jobs.store import JobStore
from jobs.usage import Used
from tests.system.fleet import MODEL, PATIENCE_SECONDS, TENANT
from tests.system.history import History, Promise
from tests.system.kept_process import logged
from tests.system.remains import CountedAs, Remains
from tests.system.worker_process import wait_for

BELONGS_TO_NO_JOB = re.compile(
    r"gone|seq|tick|log_key|models|m:[^:]+:(pace|workers|slots|clock|reserved|revision|counts)|w:[^:]+|senders|s:[^:]+"
    r"|used|limit:.+|limited|t:[^:]+:(limits|spent:.+|events|usage:[0-9]+|secrets:default|receiver:https?:.+)"
    r"|circuit:(keys|trips|(state|window):model:.+)"
    r"|circuit:receiver:(keys|trips|(state|window):[^/]+/https?:.+)"
    r"|cache:(counts|entry:.+|sizes|used|ends)"
)
BELONGS_TO_A_DELIVERY = re.compile(r"forget|t:[^:]+:((dlv|letter|tries|sent):[^:]+|deliveries|undelivered)")


class Deployment(Protocol):
    """What the books are about; its API is known to the client alone."""

    client: Redis
    store: JobStore
    has_closed_books: bool

    @property
    def worker_logs(self) -> Sequence[Path]: ...

    def words(self) -> str:
        """The last that each process has said."""


class Books:
    """Compares what a client was promised with what the record says."""

    def __init__(self, deployment: Deployment, history: History) -> None:
        self._deployment = deployment
        self._client = deployment.client
        self._store = deployment.store
        self._history = history
        self._remains = Remains(deployment.client, deployment.store.keys, tenant=TENANT, model=MODEL)

    def jobs(self, promises: Sequence[Promise] | None = None) -> list[Job]:
        """The records of all that was promised, or of some."""
        chosen = self._history.promises if promises is None else promises
        return [self._store.find(TENANT, promise.job_id) for promise in chosen]

    def wait_until_recorded(self, count: int) -> None:
        """Until there are so many jobs, answered or not."""
        wait_for(lambda: len(list(self._all_jobs())) >= count, PATIENCE_SECONDS)

    def wait_until_emitted(self, count: int) -> None:
        """Until so many jobs have tokens that another attempt would go on from."""
        wait_for(lambda: sum(job.emitted_tokens > 0 for job in self.jobs()) >= count, PATIENCE_SECONDS, tell=self._tell)

    def close(self, *, failed: Collection[Promise] = ()) -> list[Job]:
        """Wait until all is done, then check everything; the jobs as they were before they were erased.

        All must have succeeded but those that *failed* for the loss of their workers.
        """
        wait_for(lambda: all(job.is_final for job in self.jobs()), PATIENCE_SECONDS, tell=self._tell)
        jobs = self.jobs()
        for promise, job in zip(self._history.promises, jobs, strict=True):
            if promise in failed:
                assert (job.state, job.error and job.error.code) == (JobState.FAILED, "worker_lost"), job
            else:
                self._check_result(promise, job)
            told = self._history.told(promise)
            assert (told.state, told.text) == (job.state, job.text), (told, job)
        self._check_that_one_key_made_one_job()
        self._check_that_each_result_was_recorded_once()
        self._check_that_each_end_was_counted_once(jobs)
        self._check_that_no_work_is_left()
        self._check_that_each_job_was_charged_once(jobs)
        self._remains.forget_what_was_counted()
        self._check_that_retired_jobs_leave_nothing()
        self._deployment.has_closed_books = True
        return jobs

    def _check_result(self, promise: Promise, job: Job) -> None:
        assert job.state is JobState.SUCCEEDED, job
        assert job.text == promise.text, job
        log = self._store.tokens(TENANT, job.id)
        assert len(log.ids) == len(log.pieces) == job.usage.completion_tokens == promise.tokens, job
        assert log.text == promise.text, job
        fields: Any = self._client.hgetall(self._store.keys.tenant(TENANT, "job", job.id))
        assert fields[b"settled"] == fields[b"fence"], (job, fields)

    def _check_that_one_key_made_one_job(self) -> None:
        promised = [promise.job_id for promise in self._history.promises]
        assert len(set(promised)) == len({promise.key for promise in self._history.promises}) == len(promised)
        recorded = {job.id for job in self._all_jobs()}
        assert recorded == set(promised), f"not promised, but recorded: {recorded - set(promised)}"
        for promise in self._history.promises[:3]:
            assert self._history.submit_again(promise).job_id == promise.job_id

    def _check_that_each_result_was_recorded_once(self) -> None:
        """By the words of the workers themselves; one that was killed may have said nothing."""
        outcomes = Counter(
            entry["job_id"]
            for log in self._deployment.worker_logs
            for entry in logged(log, "attempt_finished")
            if entry["answer"] in ("ok", "already") and entry["state"] == "succeeded"
        )
        assert not {job_id: count for job_id, count in outcomes.items() if count > 1}

    def _check_that_each_end_was_counted_once(self, jobs: Sequence[Job]) -> None:
        """What the tenant has used is what its jobs say that they have used."""
        expected: dict[CountedAs, Used] = {}
        for job in jobs:
            kind = (job.state.value, job.key_id, job.request.model)
            expected[kind] = expected.get(kind, Used()) + Used(1, job.usage)
        counted = self._remains.counted(job.finished_at or 0 for job in jobs)
        assert counted == expected, f"{counted} is not {expected}"

    def _check_that_no_work_is_left(self) -> None:
        wait_for(lambda: self._remains.work() == {}, PATIENCE_SECONDS, tell=lambda: str(self._remains.work()))

    def _check_that_each_job_was_charged_once(self, jobs: Sequence[Job]) -> None:
        """What its tenant has spent is what its jobs have used, whoever died between a charge and its correction."""
        assert self._remains.spent() == sum(map(_charge, jobs))

    def _check_that_retired_jobs_leave_nothing(self) -> None:
        """As if the retention of every job had ended now, and then that of every delivery."""
        logged: Any = self._client.zrange(self._store.keys.name("forget"), 0, -1)
        self._make_due("retire")
        wait_for(lambda: self._traces_of_jobs() == [], PATIENCE_SECONDS, tell=lambda: str(self._traces_of_jobs()))
        assert self._client.zrange(self._store.keys.name("forget"), 0, -1) == logged
        self._make_due("forget")
        wait_for(lambda: self._traces() == [], PATIENCE_SECONDS, tell=lambda: str(self._traces()))

    def _make_due(self, name: str) -> None:
        key = self._store.keys.name(name)
        kept: Any = self._client.zrange(key, 0, -1)
        if kept:
            self._client.zadd(key, dict.fromkeys(kept, 0), xx=True)

    def _traces_of_jobs(self) -> list[str]:
        return [name for name in self._traces() if not BELONGS_TO_A_DELIVERY.fullmatch(name)]

    def _traces(self) -> list[str]:
        """Keys of ours that are there, though there are no jobs."""
        return sorted(name for name in self._remains.named("*") if not BELONGS_TO_NO_JOB.fullmatch(name))

    def _all_jobs(self) -> Iterator[Job]:
        before: int | None = None
        while True:
            page = self._store.list(TENANT, before=before, limit=100)
            yield from page.jobs
            if page.next_before is None:
                return
            before = page.next_before

    def _tell(self) -> str:
        waiting = "\n".join(str(job) for job in self.jobs() if not job.is_final)
        return f"not final:\n{waiting}\n{self._deployment.words()}"


def _charge(job: Job) -> int:
    """What a tenant pays for a job in the end: what it has used, or the estimate if no worker has told.

    For one that has got the result of another, nothing was generated.
    """
    if job.follows or job.is_cached:
        return 0
    used = job.usage.prompt_tokens + job.usage.completion_tokens
    is_untold = job.error is not None and job.error.code == "worker_lost"
    return job.request.estimated_tokens if is_untold or not used else used


def nothing_was_counted(jobs: Sequence[Job]) -> bool:
    """Whether every job took a single attempt, as if there had been no fault."""
    return {(job.failures, job.lost_leases, job.attempt) for job in jobs} == {(0, 0, 1)}

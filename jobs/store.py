"""The record of jobs in Redis: every change is one atomic move.

A move that is refused in the ordinary course of things says so in its answer; a broken promise is an
exception of `jobs.errors`. Each move may be repeated after StoreUnavailable, whether or not it happened.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import redis

from jobs.accept_moves import AcceptMoves
from jobs.answers import Cancellation
from jobs.census import Census, take_census
from jobs.connection import check_server
from jobs.dead_letters import DeadLetterReader, DeadLetters, Death
from jobs.explaining import ExplanationReader
from jobs.explanation import Explanation
from jobs.followed import BEGINNING, Cursor, Followed, followed
from jobs.job import Job, JobState
from jobs.keys import DEFAULT_PREFIX, Keys, ref
from jobs.mass_cancel import MassCancel
from jobs.model_load import ModelMode
from jobs.new_job import NewJob
from jobs.queues import Prospect, QueuePlace, QueueReader, QueueStatus
from jobs.reading import Page
from jobs.scripts import unavailable_as_our_error
from jobs.settings import StoreSettings
from jobs.token_run import TokenRun

_MOST_CHUNKS = 200
"""Of the token log in one look: a chunk holds what a worker has recorded at a time."""


class JobStore(AcceptMoves):
    """Moves, with those of `AcceptMoves` and `RunMoves`, and reads. Safe to share between threads and greenlets."""

    def __init__(
        self,
        client: redis.Redis,
        settings: StoreSettings | None = None,
        *,
        prefix: str = DEFAULT_PREFIX,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(client, settings or StoreSettings(), Keys(prefix), clock=clock)
        self._dead_letters = DeadLetterReader(client, self.keys, self._reader)
        self._mass_cancel = MassCancel(self._moves, self._reader)
        self._queues = QueueReader(client, self.keys, self._moves)
        self._explaining = ExplanationReader(client, self.keys, self._moves)

    def follow(self, tenant: str, job_id: str, cursor: Cursor = BEGINNING) -> Followed:
        """One look of a reader: the tokens from *cursor* on, which are recorded as they come from now on.

        Raises JobNotFound, JobRetired, NewerRecord or StoreUnavailable.
        """
        answer = self._moves.run("follow", ref(tenant, job_id), cursor.chunks, _MOST_CHUNKS)
        self._check(answer[0], tenant, job_id)
        return followed(answer, cursor)

    def delivered(self, tenant: str, job_id: str) -> None:
        """The answer of the request that waited for the job has arrived: its retry would be another request."""
        self._moves.run("deliver", ref(tenant, job_id), "1")

    def undelivered(self, tenant: str, job_id: str) -> None:
        """That answer is known to be lost: a retry finds this job before any other."""
        self._moves.run("deliver", ref(tenant, job_id), "0")

    def cancel(self, tenant: str, job_id: str) -> Job:
        """End a queued job, ask for the end of a running one; a final one stays as it is."""
        self._check(self._moves.run("cancel", ref(tenant, job_id), ""), tenant, job_id)
        return self.find(tenant, job_id)

    def cancel_matching(
        self,
        tenant: str,
        *,
        metadata: Mapping[str, str],
        model: str | None = None,
        state: JobState | None = None,
        before: int | None = None,
    ) -> Cancellation:
        """Cancel queued and running jobs with all of `metadata`, newest first, no more than 1,000 in a call."""
        return self._mass_cancel.run(tenant, metadata=metadata, model=model, state=state, before=before)

    def erase(self, tenant: str, job_id: str) -> str | None:
        """Remove a final job with all that belongs to it, and what is kept of its result for jobs that ask the same.

        The digest of what it asked for, if others might: copies of its result elsewhere go by it. Raises JobNotFound,
        JobRetired, JobNotFinal, LineInUse or NewerRecord.
        """
        verdict, digest = self._moves.run("erase", ref(tenant, job_id))
        self._check(verdict, tenant, job_id)
        return digest.decode() or None

    def set_mode(self, model: str, mode: ModelMode) -> None:
        """Pause a model, drain it, or have it run as usual; the same again changes nothing."""
        self._moves.run("mode", model, mode)

    def revision(self, model: str) -> str | None:
        """Of a model, as the worker has loaded it that spoke last; None if that one does not say."""
        with unavailable_as_our_error():
            told: Any = self._client.get(self.keys.model(model, "revision"))
        return told.decode() if told else None

    def models(self) -> list[str]:
        """Every model that has had a job or a worker."""
        with unavailable_as_our_error():
            members: Any = self._client.smembers(self.keys.name("models"))
        return sorted(member.decode() for member in members)

    def find(self, tenant: str, job_id: str) -> Job:
        """One job. Raises JobNotFound or JobRetired."""
        return self._reader.find(tenant, job_id)

    def read(self, tenant: str, job_ids: Sequence[str]) -> Sequence[Job]:
        """Those of the jobs that there are, in the order asked for."""
        return self._reader.read(tenant, job_ids)

    def submitted(self, tenant: str, idempotency_key: str, fingerprint: str) -> str | None:
        """The job that the key has made, or None. Raises IdempotencyMismatch."""
        return self._reader.submitted(tenant, idempotency_key, fingerprint)

    def awaits(self, tenant: str, fingerprint: str) -> bool:
        """Whether a retry of that request in the foreground finds the job of an earlier try."""
        return bool(self._moves.run("awaits", tenant, fingerprint))

    def tokens(self, tenant: str, job_id: str) -> TokenRun:
        """Every token recorded for a job."""
        return self._reader.tokens(tenant, job_id)

    def list(
        self,
        tenant: str,
        *,
        state: JobState | None = None,
        model: str | None = None,
        metadata: Mapping[str, str] | None = None,
        batch: str | None = None,
        before: int | None = None,
        limit: int = 20,
    ) -> Page:
        """Jobs of a tenant, newest first: those that are no lines of a batch, or the lines of one."""
        states = [state] if state else list(JobState)
        return self._reader.page(
            tenant, states=states, model=model, metadata=metadata, batch=batch, before=before, limit=limit
        )

    def dead_letters(
        self, tenant: str, *, model: str | None = None, before: Death | None = None, limit: int = 20
    ) -> DeadLetters:
        """Jobs of a tenant that gave up and were not requeued, newest death first."""
        return self._dead_letters.page(tenant, model=model, before=before, limit=limit)

    def queue(self, model: str, tenant: str) -> QueueStatus:
        """How full a model's queue is."""
        return self._queues.status(model, tenant)

    def census(self) -> Census:
        """How all models, workers, deliveries and batches stand."""
        return take_census(self._moves)

    def prospect(self, job: NewJob) -> Prospect:
        """How the job would fare if it were accepted now."""
        request = job.request
        return self._queues.prospect(
            request.model, job.tenant, job.priority, cost=request.estimated_tokens, run_digest=job.run_digest
        )

    def explain(self, tenant: str, job_id: str) -> Explanation:
        """Why a job stands where it does. Raises JobNotFound or JobRetired."""
        while (told := self._explaining.explain(self.find(tenant, job_id))) is None:
            pass
        return told

    def place(self, job: Job) -> QueuePlace | None:
        """Where a queued job stands."""
        return self._queues.place(job)

    def ping(self) -> None:
        """Raise StoreUnavailable unless Redis answers."""
        with unavailable_as_our_error():
            self._client.ping()

    def check_server(self) -> None:
        """Raise UnsupportedServer for a server that could lose jobs."""
        check_server(self._client, durability=self.settings.durability)

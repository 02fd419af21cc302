"""The record of jobs in Redis: every change is one atomic move.

A move that is refused in the ordinary course of things says so in its answer; a broken promise is an
exception of `jobs.errors`. Each move may be repeated after StoreUnavailable, whether or not it happened.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import redis

from jobs.answers import Accepted, Cancellation, Emission, Emitted, FinishAnswer, Signals, Skipped, Swept, Wait
from jobs.calls import Bounds, accept_arguments, claimed_lease, emit_arguments, finish_arguments, milliseconds, ref_of
from jobs.connection import check_server
from jobs.dead_letters import DeadLetterReader, DeadLetters, Death
from jobs.explaining import ExplanationReader
from jobs.explanation import Explanation
from jobs.followed import BEGINNING, Cursor, Followed, followed
from jobs.headroom import Headroom
from jobs.job import OPERATOR_KEY, Job, JobState, Lease, NewJob, Outcome
from jobs.keys import DEFAULT_PREFIX, Keys, ref
from jobs.mass_cancel import MassCancel
from jobs.model_load import ModelMode
from jobs.queues import Prospect, QueuePlace, QueueReader, QueueStatus
from jobs.reading import JobReader, Page
from jobs.refusals import accepted, check
from jobs.room import RoomReader
from jobs.scripts import Argument, Moves, unavailable_as_our_error
from jobs.settings import StoreSettings
from jobs.token_run import TokenRun

_MOST_CHUNKS = 200
"""Of the token log in one look: a chunk holds what a worker has recorded at a time."""


class JobStore:
    """Moves and reads of the record. Safe to share between threads and greenlets."""

    def __init__(
        self,
        client: redis.Redis,
        settings: StoreSettings | None = None,
        *,
        prefix: str = DEFAULT_PREFIX,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings or StoreSettings()
        self._headroom = Headroom(client, ceiling=self.settings.memory_ceiling, clock=clock)
        self.keys = Keys(prefix)
        self._client = client
        self._moves = Moves(client, self.keys, self.settings)
        self._reader = JobReader(client, self.keys)
        self._dead_letters = DeadLetterReader(client, self.keys, self._reader)
        self._mass_cancel = MassCancel(self._moves, self._reader)
        self._queues = QueueReader(client, self.keys, self._moves)
        self._room = RoomReader(client, self.keys, self._moves)
        self._explaining = ExplanationReader(client, self.keys, self._moves)

    def accept(
        self,
        job: NewJob,
        *,
        max_waiting: int | None = None,
        max_waiting_per_tenant: int | None = None,
        takes_new: bool = True,
    ) -> Accepted:
        """Record a new job, or unless `takes_new` only find the one that an equal submit has made, or its result.

        Raises IdempotencyMismatch, NothingNew, ModelDraining, QueueFull, QuotaExceeded or StorageFull.
        """
        usual = self.settings.deadline_seconds
        bounds = self._bounds(max_waiting, max_waiting_per_tenant)
        arguments = accept_arguments(job, usual_deadline_seconds=usual, bounds=bounds, takes_new=takes_new)
        return accepted(self._grow("accept", *arguments), job.tenant, self._room)

    def requeue(
        self,
        tenant: str,
        job_id: str,
        *,
        new_id: str,
        key_id: str = OPERATOR_KEY,
        max_waiting: int | None = None,
        max_waiting_per_tenant: int | None = None,
        takes_new: bool = True,
    ) -> Accepted:
        """Make a new job of one that failed, was cancelled or expired; a repeat finds it, as long as it exists.

        Unless `takes_new`, only a repeat is answered. Raises JobNotFound, JobRetired, JobNotFinal, JobSucceeded,
        NothingNew, ModelDraining, QueueFull, QuotaExceeded or StorageFull.
        """
        of_all, of_tenant, usual = self._bounds(max_waiting, max_waiting_per_tenant)
        only_repeats = "" if takes_new else "1"
        answer = self._grow("requeue", ref(tenant, job_id), new_id, of_all, key_id, of_tenant, usual, only_repeats)
        self._check(answer[0], tenant, job_id)
        return accepted(answer, tenant, self._room)

    def dispatch(self, model: str, *, most_in_window: int | None = None) -> list[str]:
        """Move waiting jobs into the window while it has room; the ids are to be published.

        Up to `most_in_window` are in it then, if its workers have room for so many.
        """
        grace_ms = milliseconds(self.settings.dispatch_grace_seconds)
        most = "" if most_in_window is None else most_in_window
        ids = self._moves.run("dispatch", model, grace_ms, self.settings.dispatch_limit, most)
        return [job_id.decode() for job_id in ids]

    def claim(
        self, job_id: str, *, model: str, worker: str, claim_id: str, can_continue: bool
    ) -> Lease | Wait | Skipped:
        """Take the right to run a dispatched job; the same `claim_id` again gives the same lease."""
        answer = self._moves.run("claim", job_id, model, worker, self._lease_ms, "1" if can_continue else "0", claim_id)
        if answer[0] == b"wait":
            return Wait()
        if answer[0] == b"skipped":
            return Skipped(answer[1].decode())
        return claimed_lease(answer, job_id, model=model, worker=worker)

    def renew(self, leases: Sequence[Lease]) -> list[bool]:
        """Keep leases; False means lost: stop working on that job."""
        if not leases:
            return []
        pairs = [part for lease in leases for part in (ref_of(lease), lease.token)]
        return [kept == 1 for kept in self._moves.run("renew", self._lease_ms, *pairs)]

    def emit(self, emissions: Sequence[Emission]) -> list[Emitted]:
        """Record new tokens of many attempts in one round trip."""
        calls = [emit_arguments(one, lease_ms=self._lease_ms) for one in emissions]
        answers = self._moves.run_many("emit", calls) if calls else []
        return [Emitted(verdict.decode(), stored) for verdict, stored in answers]

    def finish(
        self,
        lease: Lease,
        outcome: Outcome,
        *,
        tokens: TokenRun = TokenRun(),  # noqa: B008 - frozen
        retry_after_seconds: float | None = None,
        can_continue: bool = True,
    ) -> FinishAnswer:
        """Record how an attempt ended.

        `tokens` is the whole token log, kept for readers that come later. With `retry_after_seconds` a
        failure leads to another attempt after that delay, while attempts and the deadline allow; but not if
        the engine cannot continue and a reader has seen tokens.
        """
        verdict, _ = self._moves.run(
            "finish",
            *finish_arguments(
                lease,
                outcome,
                tokens=tokens,
                retry_after_seconds=retry_after_seconds,
                can_continue=can_continue,
                lease_ms=self._lease_ms,
            ),
        )
        answer: FinishAnswer = verdict.decode()
        return answer

    def release(self, lease: Lease) -> bool:
        """Give a running job back at a shutdown, uncounted; False if the lease was lost before."""
        return bool(self._moves.run("release", ref_of(lease), lease.token, self._lease_ms))

    def postpone(self, lease: Lease, *, seconds: float) -> bool:
        """Have a running job wait for a while, uncounted; False if the lease was lost before.

        One that had not started before the lease, and has emitted nothing, counts as not started.
        """
        return bool(self._moves.run("postpone", ref_of(lease), lease.token, milliseconds(seconds), self._lease_ms))

    def put_back(self, job_id: str, *, model: str) -> bool:
        """Return a dispatched job to its old place, unclaimed; False if it is not in the window."""
        return bool(self._moves.run("put_back", job_id, model))

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

        The digest of what it asked for, if others might: copies of its result elsewhere go by it.
        """
        verdict, digest = self._moves.run("erase", ref(tenant, job_id))
        self._check(verdict, tenant, job_id)
        return digest.decode() or None

    def set_mode(self, model: str, mode: ModelMode) -> None:
        """Pause a model, drain it, or have it run as usual; the same again changes nothing."""
        self._moves.run("mode", model, mode)

    def sweep(self) -> Swept:
        """Look at jobs whose time has come, those that have waited longest first."""
        has_more, *stranded = self._moves.run(
            "sweep",
            self._lease_ms,
            milliseconds(self.settings.dispatch_grace_seconds),
            milliseconds(self.settings.longest_grace_seconds),
            self.settings.sweep_limit,
            milliseconds(self.settings.outage_seconds),
        )
        pairs = zip(stranded[0::2], stranded[1::2], strict=True)
        return Swept(has_more == 1, [(model.decode(), job_id.decode()) for model, job_id in pairs])

    def heartbeat(
        self, worker: str, *, model: str, slots: int, instance: str, reserved_slots: int = 0, revision: str = ""
    ) -> str | None:
        """Announce a worker; the live namesake's instance if that is another one, and then nothing is changed.

        So many slots of the model are `reserved_slots`, for interactive jobs, as its last worker says; and so does the
        `revision` of the model that it has loaded.
        """
        arguments = (worker, model, slots, instance, self._lease_ms, reserved_slots, revision)
        before = self._moves.run("heartbeat", *arguments).decode()
        return before if before and before != instance else None

    def rescue_worker(self, worker: str) -> int:
        """Give back at once the jobs of a worker known to be dead; how many there were."""
        return int(self._moves.run("rescue", worker))

    def leave(self, worker: str, *, model: str) -> None:
        """A worker stops taking jobs; those it runs keep their leases."""
        self._moves.run("leave", worker, model)

    def signals(self, leases: Sequence[Lease]) -> list[Signals]:
        """Per running job, what its clients have asked for."""
        with unavailable_as_our_error(), self._client.pipeline(transaction=False) as pipeline:
            for lease in leases:
                pipeline.hmget(self.keys.tenant(lease.tenant, "job", lease.job_id), "cancel", "streamed")
            return [Signals(cancel is not None, streamed is not None) for cancel, streamed in pipeline.execute()]

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
        before: int | None = None,
        limit: int = 20,
    ) -> Page:
        """Jobs of a tenant, newest first."""
        states = [state] if state else list(JobState)
        return self._reader.page(tenant, states=states, model=model, metadata=metadata, before=before, limit=limit)

    def dead_letters(
        self, tenant: str, *, model: str | None = None, before: Death | None = None, limit: int = 20
    ) -> DeadLetters:
        """Jobs of a tenant that gave up and were not requeued, newest death first."""
        return self._dead_letters.page(tenant, model=model, before=before, limit=limit)

    def queue(self, model: str, tenant: str) -> QueueStatus:
        """How full a model's queue is."""
        return self._queues.status(model, tenant)

    def prospect(self, job: NewJob) -> Prospect:
        """How the job would fare if it were accepted now."""
        request = job.request
        return self._queues.prospect(
            request.model, job.tenant, job.priority, cost=request.estimated_tokens, run_digest=job.run_digest
        )

    def explain(self, tenant: str, job_id: str) -> Explanation:
        """Why a job stands where it does. Raises JobNotFound or JobRetired."""
        return self._explaining.explain(self.find(tenant, job_id))

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

    def _bounds(self, max_waiting: int | None, max_waiting_per_tenant: int | None) -> Bounds:
        return Bounds.of(max_waiting, max_waiting_per_tenant, self.settings.tenant_limits)

    def _grow(self, move: str, *arguments: Argument) -> Any:
        """A move that makes a job, if there is room for one."""
        self._headroom.check()
        run = self._moves.run_durably if self.settings.durability == "strict" else self._moves.run
        return run(move, *arguments)

    def _check(self, verdict: bytes, tenant: str, job_id: str) -> None:
        """Raise what a move has refused for the job's own sake."""
        check(verdict, job_id, lambda: self._reader.missing(tenant, job_id))

    @property
    def _lease_ms(self) -> int:
        return milliseconds(self.settings.lease_seconds)

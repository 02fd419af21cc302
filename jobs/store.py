"""The record of jobs in Redis: every change is one atomic move.

A move that is refused in the ordinary course of things says so in its answer; a broken promise is an
exception of `jobs.errors`. Each move may be repeated after StoreUnavailable, whether or not it happened.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import redis

from jobs.answers import Accepted, Emission, Emitted, FinishAnswer, Signals, Skipped, Swept, Wait
from jobs.connection import check_server
from jobs.errors import IdempotencyMismatch, JobNotFinal, JobNotFound, QueueFull
from jobs.headroom import Headroom
from jobs.job import Job, JobState, Lease, NewJob, Outcome
from jobs.keys import DEFAULT_PREFIX, Keys, idempotency_digest, ref
from jobs.queues import QueuePlace, QueueReader, QueueStatus
from jobs.reading import JobReader, Page
from jobs.scripts import Moves, unavailable_as_our_error
from jobs.settings import StoreSettings
from jobs.spec import pack_outcome, pack_spec, pack_tokens, unpack_spec, unpack_tokens


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
        self._moves = Moves(client, self.keys)
        self._reader = JobReader(client, self.keys)
        self._queues = QueueReader(client, self.keys)

    def accept(self, job: NewJob, *, max_waiting: int | None = None) -> Accepted:
        """Record a new job. Raises IdempotencyMismatch, QueueFull or StorageFull."""
        self._headroom.check()
        accept = self._moves.run_durably if self.settings.durability == "strict" else self._moves.run
        verdict, detail = accept(
            "accept",
            ref(job.tenant, job.id),
            job.request.model,
            pack_spec(job.request, job.metadata),
            "" if job.deadline_at is None else _ms(job.deadline_at),
            _ms(self.settings.deadline_seconds),
            job.request.estimated_tokens,
            "" if job.start_within_seconds is None else _ms(job.start_within_seconds),
            _ms(job.timeout_seconds),
            _ms(job.retention_seconds),
            job.max_attempts,
            idempotency_digest(job.idempotency_key) if job.idempotency_key else "",
            job.fingerprint,
            "" if max_waiting is None else max_waiting,
        )
        if verdict == b"mismatch":
            raise IdempotencyMismatch(detail.decode())
        if verdict == b"full":
            raise QueueFull(job.request.model, max_waiting or 0)
        return Accepted(detail.decode(), replayed=verdict == b"replayed")

    def dispatch(self, model: str) -> list[str]:
        """Move waiting jobs into the window while it has room; the ids are to be published."""
        ids = self._moves.run(
            "dispatch", model, _ms(self.settings.dispatch_grace_seconds), self.settings.dispatch_limit
        )
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
        _, tenant, token, attempt, run_ms, ends_as, wait_ms, wasted, others, spec, *chunks = answer
        request, _ = unpack_spec(spec, model)
        ids, pieces = unpack_tokens(chunks)
        return Lease(
            job_id=job_id,
            tenant=tenant.decode(),
            token=token,
            attempt=attempt,
            worker=worker,
            request=request,
            run_seconds=run_ms / 1000,
            ends_as=JobState(ends_as.decode()),
            queue_wait_seconds=wait_ms / 1000,
            wasted_tokens=wasted,
            emitted_ids=ids,
            emitted_pieces=pieces,
            company_expected=others > 0,
        )

    def renew(self, leases: Sequence[Lease]) -> list[bool]:
        """Keep leases; False means lost: stop working on that job."""
        if not leases:
            return []
        pairs = [part for lease in leases for part in (_ref(lease), lease.token)]
        return [kept == 1 for kept in self._moves.run("renew", self._lease_ms, *pairs)]

    def emit(self, emissions: Sequence[Emission]) -> list[Emitted]:
        """Record new tokens of many attempts in one round trip."""
        calls = [
            (
                _ref(one.lease),
                one.lease.token,
                one.first_index,
                len(one.ids),
                pack_tokens(one.ids, one.pieces),
                self._lease_ms,
            )
            for one in emissions
        ]
        answers = self._moves.run_many("emit", calls) if calls else []
        return [Emitted(verdict.decode(), stored) for verdict, stored in answers]

    def finish(
        self,
        lease: Lease,
        outcome: Outcome,
        *,
        tokens: tuple[Sequence[int], Sequence[str]] = ((), ()),
        retry_after_seconds: float | None = None,
    ) -> FinishAnswer:
        """Record how an attempt ended.

        `tokens` is the whole token log, kept for readers that come later. With `retry_after_seconds` a
        failure leads to another attempt after that delay, while attempts and the deadline allow.
        """
        verdict, _ = self._moves.run(
            "finish",
            _ref(lease),
            lease.token,
            outcome.state.value,
            pack_outcome(outcome),
            pack_tokens(*tokens) if tokens[0] else "",
            outcome.usage.completion_tokens,
            "" if retry_after_seconds is None else _ms(retry_after_seconds),
            self._lease_ms,
        )
        answer: FinishAnswer = verdict.decode()
        return answer

    def release(self, lease: Lease) -> bool:
        """Give a running job back at a shutdown, uncounted; False if the lease was lost before."""
        return bool(self._moves.run("release", _ref(lease), lease.token, self._lease_ms))

    def put_back(self, job_id: str, *, model: str) -> bool:
        """Return a dispatched job to its old place, unclaimed; False if it is not in the window."""
        return bool(self._moves.run("put_back", job_id, model))

    def stream(self, tenant: str, job_id: str) -> bool:
        """Have the tokens of a job recorded as they come; False if no more will come."""
        return bool(self._moves.run("stream", ref(tenant, job_id)))

    def cancel(self, tenant: str, job_id: str) -> Job:
        """End a queued job, ask for the end of a running one; a final one stays as it is."""
        if self._moves.run("cancel", ref(tenant, job_id)) == b"missing":
            raise JobNotFound(job_id)
        return self.find(tenant, job_id)

    def erase(self, tenant: str, job_id: str) -> None:
        """Remove a final job with all that belongs to it."""
        verdict = self._moves.run("erase", ref(tenant, job_id))
        if verdict == b"missing":
            raise JobNotFound(job_id)
        if verdict == b"not final":
            raise JobNotFinal(job_id)

    def sweep(self) -> Swept:
        """Look at jobs whose time has come, those that have waited longest first."""
        has_more, *stranded = self._moves.run(
            "sweep",
            self._lease_ms,
            _ms(self.settings.dispatch_grace_seconds),
            _ms(self.settings.longest_grace_seconds),
            self.settings.sweep_limit,
            _ms(self.settings.outage_seconds),
        )
        pairs = zip(stranded[0::2], stranded[1::2], strict=True)
        return Swept(has_more == 1, [(model.decode(), job_id.decode()) for model, job_id in pairs])

    def heartbeat(self, worker: str, *, model: str, slots: int, instance: str) -> str | None:
        """Announce a worker; the live namesake's instance if that is another one, and then nothing is changed."""
        before = self._moves.run("heartbeat", worker, model, slots, instance, self._lease_ms).decode()
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

    def models(self) -> list[str]:
        """Every model that has had a job or a worker."""
        with unavailable_as_our_error():
            members: Any = self._client.smembers(self.keys.name("models"))
        return sorted(member.decode() for member in members)

    def find(self, tenant: str, job_id: str) -> Job:
        """One job. Raises JobNotFound or JobRetired."""
        return self._reader.find(tenant, job_id)

    def tokens(self, tenant: str, job_id: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """Ids and text pieces of every token recorded for a job."""
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
        return self._reader.page(tenant, state=state, model=model, metadata=metadata, before=before, limit=limit)

    def queue(self, model: str, tenant: str) -> QueueStatus:
        """How full a model's queue is."""
        return self._queues.status(model, tenant)

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

    @property
    def _lease_ms(self) -> int:
        return _ms(self.settings.lease_seconds)


def _ref(lease: Lease) -> str:
    return ref(lease.tenant, lease.job_id)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)

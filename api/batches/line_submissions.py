"""Makes jobs of the lines of a batch, in their order; a line that was one already is left as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from api.batches.line_job import job_id_of_line, recorded_line
from api.batches.lines import Line
from api.equal_jobs import SoughtResult
from api.known_results import FindKnown, nothing_known
from api.model_gate import ModelGate
from jobs.answers import Accepted
from jobs.batches.batch import BatchLease
from jobs.events import JobAccepted, Listener, notify
from jobs.new_job import LineOfBatch, NewJob
from jobs.store import JobStore
from observability.tracing.tracing import no_line
from tasks.dispatch import Dispatcher


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """So many lines are jobs; `can_start` if there is room for one of them to `start`."""

    lines: int
    can_start: bool


@dataclass(frozen=True, kw_only=True)
class LineSubmissions:
    """The way of `api.submission` for lines: nobody counts them for a key, and they end with their batch at the latest.

    That they would not be done by then is no reason to refuse them. `clock` tells Unix seconds, `line_trace` the
    `traceparent` of a job that is traced.
    """

    store: JobStore
    dispatcher: Dispatcher
    gate: ModelGate
    find_known: FindKnown = nothing_known
    clock: Callable[[], float]
    line_trace: Callable[[str], str | None] = no_line
    listeners: tuple[Listener, ...] = ()

    def submit(self, lines: Sequence[Line], lease: BatchLease, *, position: int, id_kind: str) -> Taken:
        """Record the jobs of lines that follow each other, from that at *position* on, whose turn it is.

        Those behind one that is refused are not taken. If that is the first one, raises BatchLeaseLost, BatchStopped,
        CircuitOpen, ModelDraining, QueueFull, QuotaExceeded, StorageFull or StoreUnavailable; after each of these the
        same lines may be submitted again.
        """
        model = lines[0].model
        jobs = [self._job(line, lease, position=at, id_kind=id_kind) for at, line in enumerate(lines, start=position)]
        began_at = self.clock()
        with self.gate.at(model.name) as takes_new:
            accepted = self.store.accept_lines(
                jobs,
                max_waiting=model.limits.max_waiting,
                max_waiting_per_tenant=model.limits.max_waiting_per_tenant,
                takes_new=takes_new,
            )
        self._tell(jobs, accepted, lease, began_at)
        return Taken(lines=len(accepted), can_start=any(one.can_start for one in accepted))

    def start(self, model: str) -> None:
        """Let lines that were submitted begin, as far as there is room."""
        self.dispatcher.dispatch(model)

    def _tell(self, jobs: Sequence[NewJob], accepted: Sequence[Accepted], lease: BatchLease, began_at: float) -> None:
        batch, ended_at = lease.batch, self.clock()
        whole = batch.traceparent if batch.is_traced else None
        for job, one in zip(jobs, accepted, strict=False):  # those behind one that was refused are no jobs
            notify(self.listeners, JobAccepted(job, one, began_at, ended_at, whole))

    def _job(self, line: Line, lease: BatchLease, *, position: int, id_kind: str) -> NewJob:
        batch, submission = lease.batch, line.submission
        sought = SoughtResult(
            request=line.request,
            model=line.model,
            tenant=batch.tenant,
            asked=submission.cache,
            seed_is_given="seed" in submission.params,
        )
        job_id = job_id_of_line(batch.id, line.number, kind=id_kind)
        traceparent = self.line_trace(job_id)
        return NewJob(
            id=job_id,
            tenant=batch.tenant,
            request=line.request,
            key_id=batch.key_id,
            priority=submission.class_in_queue,
            metadata=submission.metadata,
            deadline_at=batch.expires_at,
            timeout_seconds=submission.timeout_seconds,
            retention_seconds=submission.retention_seconds,
            fingerprint=submission.fingerprint,
            traceparent=traceparent,
            is_traced=traceparent is not None,
            asked=recorded_line(line),
            reuse=self.find_known(sought, submission.retention_seconds),
            run_digest=sought.run_digest,
            line=LineOfBatch(batch_id=batch.id, token=lease.token, position=position),
        )

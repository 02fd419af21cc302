"""Makes jobs of the lines of a batch, in their order; a line that was one already is left as it is."""

from __future__ import annotations

from dataclasses import dataclass

from api.batches.line_job import job_id_of_line, recorded_line
from api.batches.lines import Line
from api.equal_jobs import SoughtResult
from api.known_results import FindKnown, nothing_known
from api.model_gate import ModelGate
from jobs.batches.batch import BatchLease
from jobs.new_job import LineOfBatch, NewJob
from jobs.store import JobStore
from tasks.dispatch import Dispatcher


@dataclass(frozen=True, kw_only=True)
class LineSubmissions:
    """The way of `api.submission` for lines: nobody counts them for a key, and they end with their batch at the latest.

    That they would not be done by then is no reason to refuse them.
    """

    store: JobStore
    dispatcher: Dispatcher
    gate: ModelGate
    find_known: FindKnown = nothing_known

    def submit(self, line: Line, lease: BatchLease, *, position: int, id_kind: str) -> bool:
        """Record the job of the line whose turn it is; whether there is room for it to `start`.

        Raises BatchLeaseLost, BatchStopped, CircuitOpen, ModelDraining, QueueFull, QuotaExceeded, StorageFull or
        StoreUnavailable; after each of these the same line may be submitted again.
        """
        batch, submission, model = lease.batch, line.submission, line.model
        sought = SoughtResult(
            request=line.request,
            model=model,
            tenant=batch.tenant,
            asked=submission.cache,
            seed_is_given="seed" in submission.params,
        )
        job = NewJob(
            id=job_id_of_line(batch.id, line.number, kind=id_kind),
            tenant=batch.tenant,
            request=line.request,
            key_id=batch.key_id,
            priority=submission.class_in_queue,
            metadata=submission.metadata,
            deadline_at=batch.expires_at,
            timeout_seconds=submission.timeout_seconds,
            retention_seconds=submission.retention_seconds,
            fingerprint=submission.fingerprint,
            asked=recorded_line(line),
            reuse=self.find_known(sought, submission.retention_seconds),
            run_digest=sought.run_digest,
            line=LineOfBatch(batch_id=batch.id, token=lease.token, position=position),
        )
        with self.gate.at(model.name) as takes_new:
            accepted = self.store.accept(
                job,
                max_waiting=model.limits.max_waiting,
                max_waiting_per_tenant=model.limits.max_waiting_per_tenant,
                takes_new=takes_new,
            )
        return accepted.can_start

    def start(self, model: str) -> None:
        """Let lines that were submitted begin, as far as there is room."""
        self.dispatcher.dispatch(model)

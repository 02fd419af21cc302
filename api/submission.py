"""What happens to a request for a completion, top-down and without a framework.

    idempotency → limits → known result → deadlines → record → dispatch

A repeat is found before it is counted, so that it costs nothing. The idempotency key is checked once more by the
atomic move that records the job: of any number of equal submits at the same moment one makes the job and the others
find it. A job whose result is known ends with its record; one whose result another job will have waits for its run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from api.asked_job import Submission
from api.deadlines import check_deadlines
from api.equal_jobs import SoughtResult
from api.errors import InvalidRequest
from api.job_webhooks import TakeWebhook, no_webhooks
from api.known_results import FindKnown, nothing_known
from api.measured_request import measured_request, model_of
from api.model_gate import ModelGate
from api.recorded_job import recorded_job
from jobs.answers import Accepted
from jobs.events import JobAccepted, Listener, notify
from jobs.job import OPERATOR_KEY, Job
from jobs.new_job import Foreground, NewJob
from jobs.store import JobStore
from models.catalog import Catalog
from resilience.failpoints import Failpoint, Reach, unarmed
from tasks.dispatch import Dispatcher

log = logging.getLogger(__name__)


def unlimited() -> None:
    """Count nothing."""


def untold(_accepted: Accepted) -> None:
    """Nobody is told of budgets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """A job that is safe; `new` is how it was recorded, None if its idempotency key or an earlier try had made it.

    One that `is_cached` has the result of an earlier job.
    """

    job_id: str
    new: Job | None

    @property
    def is_cached(self) -> bool:
        return self.new is not None and self.new.is_cached

    @property
    def is_final(self) -> bool:
        """Whether `new` is its end, with all that there is to tell of it."""
        return self.new is not None and self.new.is_final and self.new.sequence > 0 and self.new.webhook is None

    @property
    def replayed(self) -> bool:
        return self.new is None


@dataclass(frozen=True, kw_only=True)
class Submissions:
    """Takes submissions in; `new_id` makes an id of a kind, `draw_seed` a number below 2^53, `clock` Unix seconds.

    `charge` counts a submission for whoever makes it; it raises RateLimited for one too many. `tell_budget` hears of
    each that was accepted, with how its tenant stands.
    """

    store: JobStore
    dispatcher: Dispatcher
    catalog: Catalog
    new_id: Callable[[str], str]
    draw_seed: Callable[[], int]
    clock: Callable[[], float]
    gate: ModelGate
    take_webhook: TakeWebhook = no_webhooks
    charge: Callable[[], object] = unlimited
    tell_budget: Callable[[Accepted], object] = untold
    find_known: FindKnown = nothing_known
    listeners: tuple[Listener, ...] = ()
    reach: Reach = unarmed

    def submit(
        self,
        submission: Submission,
        *,
        tenant: str,
        key_id: str = OPERATOR_KEY,
        idempotency_key: str | None = None,
        traceparent: str | None = None,
        is_traced: bool = False,
        is_retry: bool = False,
    ) -> Submitted:
        """Record one job, or find the one that the key has made, and let it start as soon as there is room.

        It belongs to the API key `key_id`. With `is_traced` what becomes of it is recorded under its
        `traceparent`. A retry in the foreground finds the job of an earlier try, if that one's answer was never
        delivered.
        Raises UnknownModel, InvalidRequest, DeadlineUnmeetable, UrlRefused, NoSealer, IdempotencyMismatch, RateLimited,
        CircuitOpen, ModelDraining, QueueFull, QuotaExceeded, StorageFull or StoreUnavailable.
        """
        began_at = self.clock()
        if idempotency_key is not None:
            known = self.store.submitted(tenant, idempotency_key, submission.fingerprint)
            if known is not None:
                return Submitted(job_id=known, new=None)
        model = model_of(submission, self.catalog)
        if not (is_retry and submission.is_foreground and self.store.awaits(tenant, submission.fingerprint)):
            self.charge()
        request = measured_request(submission, model, draw_seed=self.draw_seed)
        sought = SoughtResult(
            request=request,
            model=model,
            tenant=tenant,
            asked=submission.cache,
            seed_is_given="seed" in submission.params,
        )
        reuse = self.find_known(sought, submission.retention_seconds)
        job = NewJob(
            id=self.new_id(submission.id_kind),
            tenant=tenant,
            request=request,
            key_id=key_id,
            priority=submission.class_in_queue,
            metadata=submission.metadata,
            deadline_at=self._deadline(submission),
            start_within_seconds=submission.start_within_seconds,
            timeout_seconds=submission.timeout_seconds,
            retention_seconds=submission.retention_seconds,
            idempotency_key=idempotency_key,
            fingerprint=submission.fingerprint,
            webhook=self.take_webhook(submission.webhook, tenant) if submission.webhook else None,
            traceparent=traceparent,
            is_traced=is_traced,
            asked=submission.asked,
            is_streamed=submission.is_streamed,
            foreground=Foreground(fingerprint=submission.fingerprint, is_retry=is_retry)
            if submission.is_foreground
            else None,
            reuse=reuse,
            run_digest=sought.run_digest,
        )
        check_deadlines(self.store, job)
        self.reach(Failpoint.API_BEFORE_RECORD)
        with self.gate.at(model.name) as takes_new:
            most, most_of_tenant = model.limits.max_waiting, model.limits.max_waiting_per_tenant
            accepted = self.store.accept(
                job, max_waiting=most, max_waiting_per_tenant=most_of_tenant, takes_new=takes_new
            )
        self.tell_budget(accepted)
        notify(self.listeners, JobAccepted(job, accepted, began_at, self.clock()))
        self.reach(Failpoint.API_AFTER_RECORD)
        if accepted.can_start:
            self.dispatcher.dispatch(model.name)
        self.reach(Failpoint.API_AFTER_DISPATCH)
        log.info("job_accepted", extra={"job_id": accepted.job_id, "model": model.name, "replayed": accepted.replayed})
        return Submitted(job_id=accepted.job_id, new=None if accepted.replayed else self._recorded(job, accepted))

    def _recorded(self, job: NewJob, accepted: Accepted) -> Job:
        usual = self.store.settings.deadline_seconds
        return recorded_job(job, accepted, now=self.clock(), usual_deadline_seconds=usual)

    def _deadline(self, submission: Submission) -> float | None:
        if submission.deadline_at is not None and submission.deadline_at <= self.clock():
            raise InvalidRequest.of("deadline", "is not in the future")
        return submission.deadline_at

"""One attempt of one job: claim, generate, record the outcome. Knows no Celery.

Whatever happens in between, exactly one of three things is true afterwards: an outcome is recorded, the
job waits again, or its lease runs out and a sweep puts it back. Before it, the model's circuit is asked for leave,
after it, the circuit is told how the attempt went.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from uuid import uuid4

from jobs.answers import FinishAnswer, Skipped
from jobs.errors import StoreUnavailable
from jobs.events import AttemptFinished, AttemptStarted, Listener, notify
from jobs.job import Outcome
from jobs.lease import Lease
from jobs.store import JobStore
from models.engine import Engine, EngineBusy, EngineError, GenerationCancelled, OnToken
from resilience.backoff import Backoff
from resilience.circuit.permit import Permit
from resilience.failpoints import Failpoint, Reach, unarmed
from tasks import outcomes
from tasks.insisting import STORE_BACKOFF, Insistence
from tasks.model_circuit import ModelCircuit
from tasks.running import RunningAttempt, RunningAttempts, StopReason
from tasks.verdicts import Verdict, verdict_on

log = logging.getLogger(__name__)

RETRY_BACKOFF = Backoff(base_seconds=1.0, cap_seconds=60.0)
SUSPECT_POLL_SECONDS = 0.25
RECORDED = frozenset({"ok", "already"})


def keep_nothing(_attempt: RunningAttempt, _outcome: Outcome) -> None:
    """Results are for their own jobs alone."""


@dataclass(frozen=True, kw_only=True)
class Attempts:
    """Everything an attempt works with; one per worker, used by many threads at once.

    `revision` is that of the model, if other jobs may get what it makes; `keep` is told of each recorded outcome.
    """

    store: JobStore
    engine: Engine
    running: RunningAttempts
    circuit: ModelCircuit
    receiver: Callable[[RunningAttempt], OnToken]
    refill: Callable[[], object]
    model: str
    worker: str
    clock: Callable[[], float]
    pause: Callable[[float], None]
    random: Random
    is_closing: Callable[[], bool]
    revision: str | None = None
    keep: Callable[[RunningAttempt, Outcome], None] = keep_nothing
    listeners: tuple[Listener, ...] = ()
    reach: Reach = unarmed

    def run(self, job_id: str, *, published_in: str | None = None) -> str:
        """Attempt the job that a message names; says what became of it, for logs and Flower.

        `published_in` is the `traceparent` of the message.
        """
        self.reach(Failpoint.WORKER_AFTER_MESSAGE)
        permit = self.circuit.permit()
        if permit is None:
            return self._leave_queued(job_id)
        try:
            return self._run(job_id, permit, published_in)
        finally:
            self.circuit.give_back(permit)

    def _run(self, job_id: str, permit: Permit, published_in: str | None) -> str:
        claimed = self._claim(job_id)
        if claimed is None:
            return "skipped"
        lease, claimed_at = claimed
        self.reach(Failpoint.WORKER_AFTER_CLAIM)
        attempt = RunningAttempt(lease, claimed_at=claimed_at, clock=self.clock)
        self.running.add(attempt)
        if self.is_closing():  # the shutdown may have looked before there was anything to see
            self.running.stop(attempt, StopReason.SHUTDOWN)
        notify(self.listeners, AttemptStarted(lease, self.model))
        try:
            outcome, verdict, put_off = self._generate(attempt)
            ended_at = self.clock()
            put_off = self._judge(attempt, permit, verdict) or put_off
            if put_off is not None:
                outcome, answer = None, self._postpone(attempt, put_off, outcome)
            elif outcome:
                attempt.is_ending = True
                answer = self._record(attempt, outcome, is_transient=verdict is Verdict.FAILURE)
            else:
                answer = self._give_up(attempt)
        finally:
            self.running.remove(attempt)
        times = attempt.times(ended_at=ended_at, recorded_at=self.clock())
        new, wasted = attempt.new_tokens, self._wasted_tokens(attempt, answer, outcome)
        notify(self.listeners, AttemptFinished(lease, self.model, answer, outcome, times, published_in, new, wasted))
        self.refill()
        if outcome and answer in RECORDED:
            self.keep(attempt, outcome)
        return f"{answer}: {outcome.state}" if outcome else answer

    def _wasted_tokens(self, attempt: RunningAttempt, answer: str, outcome: Outcome | None) -> int:
        """Those that it has made itself and nobody gets."""
        if outcome is not None and answer in RECORDED:
            return 0
        return len(attempt.ids) - attempt.emitted if self.engine.can_continue else attempt.new_tokens

    def _leave_queued(self, job_id: str) -> str:
        """The circuit lets nothing through: the job goes back to its place, as if no message had come."""
        with suppress(StoreUnavailable):  # then its message counts as lost, and a sweep publishes it again
            self.store.put_back(job_id, model=self.model)
        log.info("message_skipped", extra={"job_id": job_id, "reason": "the model's circuit is open"})
        return "circuit open"

    def _judge(self, attempt: RunningAttempt, permit: Permit, verdict: Verdict) -> float | None:
        """Tell the circuit. A probe that failed counts against the model alone: the seconds for which its job waits."""
        self.circuit.record(permit, verdict, self.clock() - attempt.claimed_at)
        return self.circuit.pause_of_probe() if permit.is_probe and verdict is Verdict.FAILURE else None

    def _claim(self, job_id: str) -> tuple[Lease, float] | None:
        """The lease, once the worker is free for it, and when it was asked for; its time runs from then on.

        None if the message asks for nothing (any more).
        """
        claim_id = uuid4().hex[:16]
        failures = 0
        while not self.is_closing():
            asked_at = self.clock()
            try:
                answer = self.store.claim(
                    job_id,
                    model=self.model,
                    worker=self.worker,
                    claim_id=claim_id,
                    can_continue=self.engine.can_continue,
                )
            except StoreUnavailable:
                failures += 1
                self.pause(STORE_BACKOFF.delay(failures, self.random))
                continue
            if isinstance(answer, Lease):
                return answer, asked_at
            if isinstance(answer, Skipped):
                log.info("message_skipped", extra={"job_id": job_id, "reason": answer.why})
                self.refill()  # it may be back in the queue, for another worker
                return None
            self.pause(SUSPECT_POLL_SECONDS)
        with suppress(StoreUnavailable):  # then its message counts as lost, and a sweep publishes it again
            self.store.put_back(job_id, model=self.model)
        return None

    def _generate(self, attempt: RunningAttempt) -> tuple[Outcome | None, Verdict, float | None]:
        """The outcome, or None if it is not ours to record, and what it says of the model.

        Third, for how many seconds the engine asks to be left alone: then there was no attempt to speak of.
        """
        lease = attempt.lease
        if self.clock() >= attempt.run_until:  # its deadline has passed while the worker stood still
            self.running.stop(attempt, StopReason.OUT_OF_TIME)
            cancelled = GenerationCancelled("the attempt had run out of time before it began")
            return outcomes.of_error(attempt, cancelled, now=self.clock()), verdict_on(cancelled), None
        try:
            generated = self.engine.submit(
                attempt.request_id,
                lease.request,
                self.receiver(attempt),
                emitted=lease.emitted_ids,
                company_expected=lease.company_expected,
                goes_first=lease.goes_first,
                on_start=attempt.begin,
            )
            if attempt.stop_reason is not None:  # told to stop before the engine knew the request
                self.engine.cancel(attempt.request_id)
            completion = generated.result()
        except EngineBusy as busy:
            return None, verdict_on(busy), busy.retry_after_seconds
        except EngineError as error:
            return outcomes.of_error(attempt, error, now=self.clock()), verdict_on(error), None
        except Exception as error:
            log.exception("attempt_failed_unexpectedly", extra={"job_id": lease.job_id})
            return outcomes.of_error(attempt, error, now=self.clock()), verdict_on(error), None
        outcome = outcomes.of_completion(attempt, completion, now=self.clock(), made_by=self._made_by(attempt))
        return outcome, verdict_on(None), None

    def _made_by(self, attempt: RunningAttempt) -> str | None:
        """What began with tokens of an earlier attempt may be of two revisions: then nobody else gets it."""
        lease = attempt.lease
        return self.revision if lease.reuse is not None and not lease.emitted_ids else None

    def _record(self, attempt: RunningAttempt, outcome: Outcome, *, is_transient: bool) -> FinishAnswer | str:
        """Tell the store how it ended."""
        delay = RETRY_BACKOFF.delay(attempt.lease.attempt, self.random) if is_transient else None
        self.reach(Failpoint.WORKER_BEFORE_FINISH)
        answer = self._insist(
            attempt,
            lambda: self.store.finish(
                attempt.lease,
                outcome,
                tokens=attempt.tokens(),
                retry_after_seconds=delay,
                can_continue=self.engine.can_continue,
            ),
        )
        self.reach(Failpoint.WORKER_AFTER_FINISH)
        return answer

    def _give_up(self, attempt: RunningAttempt) -> str:
        if attempt.stop_reason is StopReason.LEASE_LOST:
            return "lease lost"
        return self._insist(attempt, lambda: "released" if self.store.release(attempt.lease) else "fenced")

    def _postpone(self, attempt: RunningAttempt, seconds: float, failed: Outcome | None) -> str:
        """What a probe has used that *failed* is told, though it does not count as an attempt."""
        spent = failed.usage if failed else None
        return self._insist(
            attempt,
            lambda: "postponed" if self.store.postpone(attempt.lease, seconds=seconds, spent=spent) else "fenced",
        )

    def _insist(self, attempt: RunningAttempt, move: Callable[[], str]) -> str:
        """While Redis is away there is nothing else to do."""
        insistence = Insistence(clock=self.clock, pause=self.pause, random=self.random, is_closing=self.is_closing)
        try:
            return insistence.on(move)
        except StoreUnavailable as error:
            log.error("outcome_not_recorded", extra={"job_id": attempt.lease.job_id, "reason": str(error)})  # noqa: TRY400 - no trace helps here
            return "not recorded"

"""One attempt of one job: claim, generate, record the outcome. Knows no Celery.

Whatever happens in between, exactly one of three things is true afterwards: an outcome is recorded, the
job waits again, or its lease runs out and a sweep puts it back.
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
from jobs.job import AttemptError, JobState, Lease, Outcome, Timing, Usage
from jobs.store import JobStore
from models.engine import (
    Completion,
    Engine,
    EngineBusy,
    EngineError,
    GenerationCancelled,
    OnToken,
    RequestRefused,
    Spent,
)
from resilience.backoff import Backoff
from resilience.failpoints import Failpoint, Reach, unarmed
from tasks.insisting import STORE_BACKOFF, Insistence
from tasks.running import RunningAttempt, RunningAttempts, StopReason

log = logging.getLogger(__name__)

RETRY_BACKOFF = Backoff(base_seconds=1.0, cap_seconds=60.0)
SUSPECT_POLL_SECONDS = 0.25
NOTHING = Spent()
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

    def run(self, job_id: str) -> str:
        """Attempt the job that a message names; says what became of it, for logs and Flower."""
        self.reach(Failpoint.WORKER_AFTER_MESSAGE)
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
            outcome, is_transient = self._generate(attempt)
            attempt.is_ending = outcome is not None
            answer = self._record(attempt, outcome, is_transient=is_transient) if outcome else self._give_up(attempt)
        except EngineBusy as busy:
            outcome, answer = None, self._postpone(attempt, busy.retry_after_seconds)
        finally:
            self.running.remove(attempt)
        notify(self.listeners, AttemptFinished(lease, self.model, answer, outcome))
        self.refill()
        if outcome and answer in RECORDED:
            self.keep(attempt, outcome)
        return f"{answer}: {outcome.state}" if outcome else answer

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

    def _generate(self, attempt: RunningAttempt) -> tuple[Outcome | None, bool]:
        """The outcome, and whether another attempt may do better; no outcome if it is not ours to record.

        Raises EngineBusy if there was no attempt to speak of.
        """
        lease = attempt.lease
        if self.clock() >= attempt.run_until:  # the worker stood still since its claim
            self.running.stop(attempt, StopReason.OUT_OF_TIME)
            return self._stopped(attempt, NOTHING)
        try:
            generated = self.engine.submit(
                attempt.request_id,
                lease.request,
                self.receiver(attempt),
                emitted=lease.emitted_ids,
                company_expected=lease.company_expected,
            )
            if attempt.stop_reason is not None:  # told to stop before the engine knew the request
                self.engine.cancel(attempt.request_id)
            completion = generated.result()
        except RequestRefused as refusal:
            error = AttemptError(code=refusal.code, message=str(refusal), field=refusal.field)
            return self._failed(attempt, error, refusal.spent), False
        except GenerationCancelled as cancelled:
            return self._stopped(attempt, cancelled.spent)
        except EngineBusy:
            raise
        except EngineError as failure:
            return self._failed(attempt, AttemptError(code="engine_error", message=str(failure)), failure.spent), True
        except Exception:
            log.exception("attempt_failed_unexpectedly", extra={"job_id": lease.job_id})
            error = AttemptError(code="internal_error", message="The worker failed; its log says how.")
            return self._failed(attempt, error), True
        return self._succeeded(attempt, completion), False

    def _stopped(self, attempt: RunningAttempt, spent: Spent) -> tuple[Outcome | None, bool]:
        match attempt.stop_reason:
            case StopReason.CANCELLED:
                return self._ended(attempt, JobState.CANCELLED, None, spent), False
            case StopReason.OUT_OF_TIME if attempt.ends_as is JobState.EXPIRED:
                error = AttemptError(code="deadline_exceeded", message="The job did not finish before its deadline.")
                return self._ended(attempt, JobState.EXPIRED, error, spent), False
            case StopReason.OUT_OF_TIME:
                seconds = attempt.lease.run_seconds
                error = AttemptError(code="timeout", message=f"The attempt ran for its limit of {seconds:.3g} s.")
                return self._failed(attempt, error, spent), False
            case _:
                return None, False

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

    def _postpone(self, attempt: RunningAttempt, seconds: float) -> str:
        return self._insist(
            attempt, lambda: "postponed" if self.store.postpone(attempt.lease, seconds=seconds) else "fenced"
        )

    def _insist(self, attempt: RunningAttempt, move: Callable[[], str]) -> str:
        """While Redis is away there is nothing else to do."""
        insistence = Insistence(clock=self.clock, pause=self.pause, random=self.random, is_closing=self.is_closing)
        try:
            return insistence.on(move)
        except StoreUnavailable as error:
            log.error("outcome_not_recorded", extra={"job_id": attempt.lease.job_id, "reason": str(error)})  # noqa: TRY400 - no trace helps here
            return "not recorded"

    def _succeeded(self, attempt: RunningAttempt, completion: Completion) -> Outcome:
        return Outcome(
            state=JobState.SUCCEEDED,
            text=completion.text,
            finish_reason=completion.finish_reason,
            usage=Usage(
                prompt_tokens=max(completion.prompt_tokens, attempt.lease.prompt_tokens),
                completion_tokens=completion.completion_tokens,
                cached_tokens=completion.cached_tokens,
                wasted_tokens=attempt.lease.wasted_tokens,
                engine_seconds=round(attempt.lease.engine_seconds + completion.engine_seconds, 6),
            ),
            timing=self._timing(attempt),
            vectors=completion.vectors,
            made_by=self._made_by(attempt),
        )

    def _made_by(self, attempt: RunningAttempt) -> str | None:
        """What began with tokens of an earlier attempt may be of two revisions: then nobody else gets it."""
        lease = attempt.lease
        return self.revision if lease.reuse is not None and not lease.emitted_ids else None

    def _failed(self, attempt: RunningAttempt, error: AttemptError, spent: Spent = NOTHING) -> Outcome:
        return self._ended(attempt, JobState.FAILED, error, spent)

    def _ended(self, attempt: RunningAttempt, state: JobState, error: AttemptError | None, spent: Spent) -> Outcome:
        """An end before the last token; what there is of the text is kept."""
        usage = Usage(
            prompt_tokens=max(spent.prompt_tokens, attempt.lease.prompt_tokens),
            completion_tokens=len(attempt.ids),
            cached_tokens=spent.cached_tokens,
            wasted_tokens=attempt.lease.wasted_tokens,
            engine_seconds=round(attempt.lease.engine_seconds + spent.engine_seconds, 6),
        )
        text = attempt.tokens().text or None
        return Outcome(state=state, text=text, error=error, usage=usage, timing=self._timing(attempt))

    def _timing(self, attempt: RunningAttempt) -> Timing:
        first, last = attempt.first_token_at, attempt.last_token_at
        tpot = (last - first) / (attempt.new_tokens - 1) if first and last and attempt.new_tokens > 1 else None
        return Timing(
            ttft_seconds=_rounded(first - attempt.claimed_at if first else None),
            tpot_seconds=_rounded(tpot),
            attempt_seconds=_rounded(self.clock() - attempt.claimed_at),
        )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)

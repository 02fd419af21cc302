"""What is recorded of an attempt that has ended, by how its engine has ended it."""

from __future__ import annotations

from jobs.job import AttemptError, JobState, Outcome, Timing, Usage
from models.engine import Completion, EngineError, GenerationCancelled, RequestRefused, Spent
from tasks.running import RunningAttempt, StopReason

NOTHING = Spent()


def of_completion(attempt: RunningAttempt, completion: Completion, *, now: float, made_by: str | None) -> Outcome:
    """A success; *now* is by the worker's monotonic clock, `made_by` the revision if other jobs may get the result."""
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
        timing=_timing(attempt, now),
        vectors=completion.vectors,
        made_by=made_by,
    )


def of_error(attempt: RunningAttempt, error: Exception, *, now: float) -> Outcome | None:
    """A failure, or the end that a client or the clock has asked for; None if there is nothing of ours to record."""
    match error:
        case RequestRefused():
            refused = AttemptError(code=error.code, message=str(error), field=error.field)
            return _ended(attempt, JobState.FAILED, refused, error.spent, now)
        case GenerationCancelled():
            return _stopped(attempt, error.spent, now)
        case EngineError():
            failed = AttemptError(code="engine_error", message=str(error))
            return _ended(attempt, JobState.FAILED, failed, error.spent, now)
    unexpected = AttemptError(code="internal_error", message="The worker failed; its log says how.")
    return _ended(attempt, JobState.FAILED, unexpected, NOTHING, now)


def _stopped(attempt: RunningAttempt, spent: Spent, now: float) -> Outcome | None:
    match attempt.stop_reason:
        case StopReason.CANCELLED:
            return _ended(attempt, JobState.CANCELLED, None, spent, now)
        case StopReason.OUT_OF_TIME if attempt.ends_as is JobState.EXPIRED:
            error = AttemptError(code="deadline_exceeded", message="The job did not finish before its deadline.")
            return _ended(attempt, JobState.EXPIRED, error, spent, now)
        case StopReason.OUT_OF_TIME:
            seconds = attempt.lease.run_seconds
            error = AttemptError(code="timeout", message=f"The attempt ran for its limit of {seconds:.3g} s.")
            return _ended(attempt, JobState.FAILED, error, spent, now)
        case _:
            return None


def _ended(attempt: RunningAttempt, state: JobState, error: AttemptError | None, spent: Spent, now: float) -> Outcome:
    """An end before the last token; what there is of the text is kept."""
    usage = Usage(
        prompt_tokens=max(spent.prompt_tokens, attempt.lease.prompt_tokens),
        completion_tokens=len(attempt.ids),
        cached_tokens=spent.cached_tokens,
        wasted_tokens=attempt.lease.wasted_tokens,
        engine_seconds=round(attempt.lease.engine_seconds + spent.engine_seconds, 6),
    )
    text = attempt.tokens().text or None
    return Outcome(state=state, text=text, error=error, usage=usage, timing=_timing(attempt, now))


def _timing(attempt: RunningAttempt, now: float) -> Timing:
    first, last = attempt.first_token_at, attempt.last_token_at
    tpot = (last - first) / (attempt.new_tokens - 1) if first and last and attempt.new_tokens > 1 else None
    return Timing(
        ttft_seconds=_rounded(first - attempt.claimed_at if first else None),
        tpot_seconds=_rounded(tpot),
        attempt_seconds=_rounded(now - attempt.claimed_at),
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)

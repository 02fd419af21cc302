"""Attempts of jobs in numbers."""

from __future__ import annotations

from jobs.events import AttemptFinished, AttemptStarted, Event
from jobs.job import JobState, Outcome
from jobs.lease import Lease
from observability.metrics import worker_catalogue as told
from observability.metrics.instruments import Instruments

RECORDED = frozenset({"ok", "already"})


class AttemptMetrics:
    """Listens to the attempts of one worker, all of one model."""

    def __init__(self, instruments: Instruments, *, model: str) -> None:
        self._queue_wait = instruments.histogram(told.QUEUE_WAIT).labels(model)
        self._first_token = instruments.histogram(told.TIME_TO_FIRST_TOKEN).labels(model)
        self._per_token = instruments.histogram(told.TIME_PER_OUTPUT_TOKEN).labels(model)
        self._duration = instruments.histogram(told.ATTEMPT_DURATION).labels(model)
        self._to_result = instruments.histogram(told.TIME_TO_RESULT).labels(model)
        self._slack = instruments.histogram(told.DEADLINE_SLACK).labels(model)
        attempts = instruments.counter(told.ATTEMPTS)
        self._attempts = {outcome: attempts.labels(model, outcome) for outcome in told.ATTEMPT_OUTCOMES}
        self._prompt = instruments.counter(told.PROMPT_TOKENS).labels(model)
        self._completion = instruments.counter(told.COMPLETION_TOKENS).labels(model)
        self._wasted = instruments.counter(told.WASTED_TOKENS).labels(model)

    def listen(self, event: Event) -> None:
        if isinstance(event, AttemptStarted):
            if event.lease.attempt == 1:
                self._queue_wait.observe(event.lease.queue_wait_seconds)
        elif isinstance(event, AttemptFinished):
            self._finished(event)

    def _finished(self, event: AttemptFinished) -> None:
        is_recorded = event.outcome is not None and event.answer in RECORDED
        came_to = event.outcome.state.value if event.outcome and is_recorded else event.answer.replace(" ", "_")
        self._attempts[came_to].inc()
        self._completion.inc(event.new_tokens)
        self._wasted.inc(event.wasted_tokens)
        if event.outcome and is_recorded:
            self._prompt.inc(event.outcome.usage.prompt_tokens)
            self._times(event.lease, event.outcome)

    def _times(self, lease: Lease, outcome: Outcome) -> None:
        timing = outcome.timing
        if timing.ttft_seconds is not None:
            self._first_token.observe(timing.ttft_seconds)
        if timing.tpot_seconds is not None:
            self._per_token.observe(timing.tpot_seconds)
        if timing.attempt_seconds is None:
            return
        self._duration.observe(timing.attempt_seconds)
        if outcome.state is JobState.SUCCEEDED:
            self._to_result.observe(lease.queue_wait_seconds + timing.attempt_seconds)
        if outcome.state in {JobState.SUCCEEDED, JobState.EXPIRED}:
            self._slack.observe(lease.deadline_seconds - timing.attempt_seconds)

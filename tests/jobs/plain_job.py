"""A job as plain Python would keep it; instants and durations are milliseconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from jobs.job import AttemptError, Job, JobState, Outcome, Priority, Usage
from jobs.keys import ref
from jobs.new_job import NewJob
from jobs.unattended import UNATTENDED_ENDS

Place = Literal["queue", "window", "delayed", "following"]


@dataclass(kw_only=True)
class PlainJob:
    """What is known of one job. `place` is None unless it is queued, or follows its `leader`.

    It waits in the class `waits_as`, and as if it expired at `turn`.
    """

    new: NewJob
    sequence: int
    created: int
    deadline: int
    start_by: int | None
    state: JobState = JobState.QUEUED
    place: Place | None = None
    leader: PlainJob | None = None
    waits_as: Priority = field(init=False)
    turn: int = 0
    paid: float | None = None
    charged: int | None = None
    published: int = 0
    publish_again_at: int = 0
    is_passed_on: bool = False
    not_before: int | None = None
    token: int = 0
    token_of_the_lost: int | None = None
    token_of_the_outcome: int | None = None
    claim_id: str = ""
    worker: str | None = None
    lease_until: int = 0
    run_until: int = 0
    started: int | None = None
    claimed: int | None = None
    finished: int | None = None
    attempt: int = 0
    failures: int = 0
    lost: int = 0
    wasted: int = 0
    unsaved: int = 0
    failed_with: Usage = field(default_factory=Usage)
    tokens: list[tuple[int, str]] = field(default_factory=list)
    has_packed_log: bool = False
    cancel_asked: int | None = None
    has_reader: bool = False
    is_seen: bool = False
    outcome: Outcome | None = None
    code: str | None = None
    gave_up_at: int | None = None
    kept_until: int | None = None
    requeued_from: str | None = None
    requeued_as: str | None = None

    def __post_init__(self) -> None:
        self.waits_as = self.new.priority

    @property
    def ref(self) -> str:
        return ref(self.new.tenant, self.new.id)

    @property
    def model(self) -> str:
        return self.new.request.model

    @property
    def cost(self) -> int:
        return self.new.request.estimated_tokens

    @property
    def is_running(self) -> bool:
        """Whether a worker runs it; it may be its leader that runs."""
        return self.state is JobState.RUNNING and self.place != "following"

    @property
    def run(self) -> PlainJob:
        """The job that has the tokens for this one: its leader, or itself."""
        return self.leader if self.place == "following" and self.leader else self

    @property
    def is_dead_letter(self) -> bool:
        return self.gave_up_at is not None and self.requeued_as is None and self.new.line is None

    @property
    def is_suspect(self) -> bool:
        return self.lost >= 2

    @property
    def expires(self) -> int:
        """When it is too late for a queued job."""
        if self.start_by is not None and self.started is None:
            return min(self.deadline, self.start_by)
        return self.deadline

    @property
    def due(self) -> int:
        """When somebody must look at a job that is not final."""
        if self.is_running:
            return self.lease_until
        if self.place in {"window", "following"}:
            return min(self.publish_again_at, self.expires)
        if self.place == "delayed":
            assert self.not_before is not None
            return min(self.not_before, self.expires)
        return self.expires

    @property
    def retires(self) -> int:
        """When a final job is to be erased."""
        return self.ends_its_retention if self.kept_until is None else self.kept_until

    @property
    def ends_its_retention(self) -> int:
        """When it would be erased if nobody needed it."""
        assert self.finished is not None
        return self.finished + round(self.new.retention_seconds * 1000)

    def take(self, log: Sequence[tuple[int, str]]) -> None:
        """The whole token log, from the worker that has finished the job."""
        self.tokens = list(log)
        self.has_packed_log = bool(log)

    def seen(self) -> Job:
        """As a reader gets it; versions and the store's own wording of errors are left out."""
        ending = self._ending()
        return Job(
            id=self.new.id,
            tenant=self.new.tenant,
            request=self.new.request,
            key_id=self.new.key_id,
            priority=self.new.priority,
            metadata=self.new.metadata,
            state=self.state,
            version=0,
            sequence=self.sequence,
            created_at=self.created / 1000,
            deadline_at=self.deadline / 1000,
            timeout_seconds=self.new.timeout_seconds,
            retention_seconds=self.new.retention_seconds,
            max_attempts=self.new.max_attempts,
            start_by=_seconds(self.start_by),
            not_before=_seconds(self.run.not_before),
            started_at=_seconds(self.started),
            claimed_at=_seconds(self.claimed),
            finished_at=_seconds(self.finished),
            expires_at=None if self.finished is None else _seconds(self.ends_its_retention),
            cancel_requested_at=_seconds(self.cancel_asked),
            attempt=self.attempt,
            failures=self.failures,
            lost_leases=self.lost,
            emitted_tokens=len(self.run.tokens),
            worker=self.run.worker,
            requeued_from=self.requeued_from,
            requeued_as=self.requeued_as,
            follows=self.leader.new.id if self.leader else None,
            text=ending.text,
            finish_reason=ending.finish_reason,
            error=ending.error,
            usage=ending.usage,
            timing=ending.timing,
            batch_id=self.new.line.batch_id if self.new.line else None,
        )

    def _ending(self) -> Outcome:
        """The last outcome a worker gave; of one that a cancel made nothing of, only what it has cost."""
        if self.code:
            error = AttemptError(code=UNATTENDED_ENDS[self.code].code, message="")
            return Outcome(state=self.state, error=error, usage=self._used)
        if self.outcome and (self.outcome.state is self.state or not self.state.is_final):
            return self.outcome
        if self.outcome and self.token_of_the_outcome == self.token:
            return replace(self.outcome, state=self.state, error=None, finish_reason=None)
        return Outcome(state=self.state, usage=self._used)

    def found(self) -> Job:
        """As a reader gets it who asks for this one alone: with what is recorded of a text whose end nobody told."""
        job = self.seen()
        if not self.state.is_final or self.state is JobState.SUCCEEDED or job.text is not None:
            return job
        return replace(job, text="".join(piece for _, piece in self.tokens) or None)

    @property
    def _used(self) -> Usage:
        return replace(self.failed_with, completion_tokens=len(self.tokens), wasted_tokens=self.wasted + self.unsaved)


def _seconds(instant: int | None) -> float | None:
    return None if instant is None else instant / 1000

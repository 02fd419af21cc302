"""What the store answers to a move, where there is more to say than yes or no."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from jobs.lease import Lease
from jobs.request import TokenLogprobs

NOT_TRACED: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class MinuteBudget:
    """How a tenant stands by its tokens per minute; after `reset_seconds` none are used, unless more are."""

    limit: int
    used: int
    reset_seconds: float


@dataclass(frozen=True, slots=True)
class Accepted:
    """A job on record; `replayed` if its idempotency key, an earlier requeue or an undelivered try had made it before.

    Unless `can_start`, workers have all they can run: one of them dispatches when it has ended a job. One that ended
    with its accept did so at `ended_at`, in Unix seconds, and is the `sequence`-th that was ever accepted. `budget` is
    its tenant's, with the job, if it has one and the job is new.
    """

    job_id: str
    replayed: bool
    can_start: bool
    ended_at: float | None = None
    sequence: int = 0
    budget: MinuteBudget | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A message that asks for nothing: stale, doubled, or too late."""

    why: str


@dataclass(frozen=True, slots=True)
class Wait:
    """The worker is kept for a suspect, or this is one and the worker is not empty yet: claim again shortly."""


@dataclass(frozen=True, slots=True)
class Emission:
    """New tokens of one attempt, the first of them with index `first_index`."""

    lease: Lease
    first_index: int
    ids: Sequence[int]
    pieces: Sequence[str]
    logprobs: Sequence[TokenLogprobs | None] = ()


@dataclass(frozen=True, slots=True)
class Emitted:
    """What the store made of an emission; `stored` is how many tokens of the job it has now.

    `already` is for tokens that were stored before their answer got lost: emit again from `stored` on.
    """

    verdict: Literal["ok", "already", "fenced"]
    stored: int


@dataclass(frozen=True, slots=True)
class Signals:
    """What clients want of a running job: its end, or its tokens as they come."""

    cancel_requested: bool
    streamed: bool


class Dispatched(list[str]):
    """Ids of jobs that are to be published; `traceparents` has those of the jobs that are traced."""

    def __init__(self, ids: Iterable[str] = (), traceparents: Mapping[str, str] = NOT_TRACED) -> None:
        super().__init__(ids)
        self.traceparents = traceparents


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep left to do; `stranded` are (model, job id) whose message must be published again.

    `traceparents` has those of the jobs that are traced.
    """

    has_more: bool
    stranded: list[tuple[str, str]]
    traceparents: Mapping[str, str] = field(default_factory=lambda: NOT_TRACED)


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Jobs that were ended, and running ones that were asked to end; go on from `next_before`, None at the end."""

    cancelled: list[str]
    requested: list[str]
    next_before: int | None


FinishAnswer = Literal["ok", "already", "fenced"]

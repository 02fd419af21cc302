"""A batch: its statuses, the one table of moves between them, and what is known of it.

    validating ──▶ in_progress ──▶ finalizing ──▶ completed | expired
         └──────────────┴──▶ cancelling ──▶ cancelled
    Validating ends as failed where the input is not valid. A batch whose time is over is in_progress until what ran of
    it is told.

One that has not ended has an entry in the store's `batches`, which says when somebody must look at it who runs it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from jobs.job import OPERATOR_KEY


class BatchStatus(StrEnum):
    """Where a batch stands; the values are those on the wire."""

    VALIDATING = "validating"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether no move leads out of this status."""
        return not BATCH_MOVES[self]


BATCH_MOVES: Mapping[BatchStatus, frozenset[BatchStatus]] = {
    BatchStatus.VALIDATING: frozenset(
        {BatchStatus.IN_PROGRESS, BatchStatus.CANCELLING, BatchStatus.FAILED, BatchStatus.EXPIRED}
    ),
    BatchStatus.IN_PROGRESS: frozenset(
        {BatchStatus.FINALIZING, BatchStatus.CANCELLING, BatchStatus.FAILED, BatchStatus.EXPIRED}
    ),
    BatchStatus.FINALIZING: frozenset({BatchStatus.COMPLETED, BatchStatus.FAILED, BatchStatus.EXPIRED}),
    BatchStatus.CANCELLING: frozenset({BatchStatus.CANCELLED}),
    BatchStatus.COMPLETED: frozenset(),
    BatchStatus.FAILED: frozenset(),
    BatchStatus.EXPIRED: frozenset(),
    BatchStatus.CANCELLED: frozenset(),
}

TRIES_OF_A_SUSPECT = 2

PartKind = Literal["output", "errors"]

Ending = Literal[BatchStatus.COMPLETED, BatchStatus.FAILED, BatchStatus.EXPIRED, BatchStatus.CANCELLED]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a batch's output, or of its errors: so many lines in an object called `name`; numbers begin at 1."""

    kind: PartKind
    number: int
    name: str
    lines: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchError:
    """What is wrong with the input: at a line, counted from 1, or None for the whole file; `param` is the field."""

    code: str
    message: str
    line: int | None = None
    param: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchUsage:
    """Tokens of the lines that are told."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatch:
    """What the store needs to accept a batch. What it comes to is kept for `output_kept_seconds`, or for ever.

    `traceparent` is that of the span of its request if it `is_traced`, else what came with it.
    """

    id: str
    tenant: str
    endpoint: str
    input_file_id: str
    key_id: str = OPERATOR_KEY
    window_seconds: float = 86_400.0
    metadata: Mapping[str, str] = field(default_factory=dict)
    output_kept_seconds: float | None = None
    traceparent: str | None = None
    is_traced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch as the store knows it; instants are Unix seconds of the Redis server's clock.

    `model` and `order_name`, the object that says in which order the lines run, are known once it is valid.
    `completed` and `failed` of `total` lines are told in committed parts; the first `position` in their order have had
    their turn. `output_parts` and `error_parts` are how many parts there are. `waiting_for` says in words why nothing
    goes on. `tries` runs have ended badly since a line was told, or since the batch was given up for these.
    """

    id: str
    tenant: str
    key_id: str
    endpoint: str
    input_file_id: str
    window_seconds: float
    status: BatchStatus
    created_at: float
    expires_at: float
    model: str | None = None
    order_name: str | None = None
    in_progress_at: float | None = None
    finalizing_at: float | None = None
    completed_at: float | None = None
    failed_at: float | None = None
    expired_at: float | None = None
    cancelling_at: float | None = None
    cancelled_at: float | None = None
    total: int = 0
    completed: int = 0
    failed: int = 0
    position: int = 0
    usage: BatchUsage = field(default_factory=BatchUsage)
    metadata: Mapping[str, str] = field(default_factory=dict)
    errors: Sequence[BatchError] = ()
    output_file_id: str | None = None
    error_file_id: str | None = None
    output_kept_seconds: float | None = None
    output_parts: int = 0
    error_parts: int = 0
    waiting_for: str | None = None
    tries: int = 0
    is_given_up: bool = False
    traceparent: str | None = None
    is_traced: bool = False

    @property
    def is_suspect(self) -> bool:
        """Whether it may be what its runners died of."""
        return self.is_given_up or self.tries >= TRIES_OF_A_SUSPECT


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLease:
    """The right to run a batch, good until `token` is superseded; `batch` is as it was claimed."""

    batch: Batch
    token: int
    runner: str


@dataclass(frozen=True, slots=True)
class EndedLine:
    """A line that has had its end and is in no committed part.

    It was a job, or was passed over: then `why` is what the runner knew of it.
    """

    job_id: str
    why: bytes | None = None

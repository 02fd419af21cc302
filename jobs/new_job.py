"""What a job is made of: what is asked for, and whose run or result it may share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jobs.job import OPERATOR_KEY, Outcome, Priority
from jobs.request import InferenceRequest
from jobs.token_run import TokenRun
from jobs.webhooks.webhook import JobWebhook


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownResult:
    """What a job got that asked for the same: its outcome, and all of its tokens."""

    outcome: Outcome
    tokens: TokenRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Reuse:
    """How a job shares its result with those that ask for the same, by the `digest` of what they ask.

    Its own is kept for `keep_seconds`, or not at all (None). With a `known` one it does not run.
    """

    digest: str
    keep_seconds: float | None = None
    known: KnownResult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreground:
    """A request that waits for its job, by its `fingerprint`.

    The retry of one whose answer was never delivered finds the job that waits for it.
    """

    fingerprint: str
    is_retry: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LineOfBatch:
    """Which line of a batch a job is, in the order in which they run, counted from 0.

    `token` is that of the lease on the batch.
    """

    batch_id: str
    token: int
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What the store needs to accept a job; instants are Unix seconds, durations end in `_seconds`.

    `key_id` is the API key that submits. `asked` is what the client's interface has to tell of its request again, as
    JSON that means nothing here. With `is_streamed` somebody reads the tokens from the first on. Jobs of a tenant with
    the same `run_digest` have the same result, and those in flight together share one run. A `line` of a batch tells no
    event, and has neither webhook nor idempotency key. What becomes of a job that `is_traced` is recorded under the
    span of its `traceparent`; else that is only passed on.
    """

    id: str
    tenant: str
    request: InferenceRequest
    key_id: str = OPERATOR_KEY
    priority: Priority = Priority.STANDARD
    metadata: Mapping[str, str] = field(default_factory=dict)
    deadline_at: float | None = None
    start_within_seconds: float | None = None
    timeout_seconds: float = 600.0
    retention_seconds: float = 86_400.0
    max_attempts: int = 3
    idempotency_key: str | None = None
    fingerprint: str = ""
    webhook: JobWebhook | None = None
    traceparent: str | None = None
    is_traced: bool = False
    asked: Mapping[str, Any] = field(default_factory=dict)
    is_streamed: bool = False
    foreground: Foreground | None = None
    reuse: Reuse | None = None
    run_digest: str | None = None
    line: LineOfBatch | None = None

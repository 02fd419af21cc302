"""What the record of jobs can refuse, named for what the caller must do."""

from __future__ import annotations

from typing import Literal

Whose = Literal["model", "tenant"]
"""Whose queue is full: that of all tenants together, or one tenant's."""


class JobError(Exception):
    """Any refusal of the store."""


class JobNotFound(JobError):
    """Raised when a tenant has no such job."""


class JobRetired(JobError):
    """Raised when a job was erased because its retention had ended."""


class JobNotFinal(JobError):
    """Raised when a job must be final for what is asked."""


class JobSucceeded(JobError):
    """Raised when a job has its result and what is asked is for those without one."""


class LineInUse(JobError):
    """Raised when the job of a batch's line is to be erased while the batch runs, which needs its result."""


class BatchLeaseLost(JobError):
    """Raised when a line is submitted by a runner that does not hold its batch any more."""


class BatchStopped(JobError):
    """Raised when a batch is to go on that is cancelled, or whose time is over."""


class NewerRecord(JobError):
    """Raised when a newer release wrote the record: this one leaves it alone, a process of that one can act."""


class IdempotencyMismatch(JobError):
    """Raised when an idempotency key comes back with another request; `made` says what it has made."""

    def __init__(self, made_id: str, *, of: Literal["job", "batch"] = "job") -> None:
        self.made = f"{of} {made_id}"
        super().__init__(f"the idempotency key belongs to {self.made}, which was a different request")


class QueueFull(JobError):
    """Raised when as many jobs wait for a model as may, of all tenants or of one.

    `retry_after_seconds` is when there will be room, None if nothing tells.
    """

    def __init__(
        self, model: str, limit: int, *, whose: Whose = "model", retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(f"{limit} jobs wait for {model} already", whose)
        self.model = model
        self.limit = limit
        self.whose = whose
        self.retry_after_seconds = retry_after_seconds


class QuotaExceeded(JobError):
    """Raised when a tenant has used up one of its limits, and how far: `used` of `limit`.

    `policies` are all limits that are exceeded, `policy` is the one that keeps the job waiting for the longest time. On
    tokens the job would cost `cost`. `retry_after_seconds` is when it will fit, None if nothing tells.
    """

    def __init__(
        self,
        policy: str,
        *,
        limit: int,
        used: int,
        cost: int = 1,
        policies: tuple[str, ...] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(policy, limit, used, cost)
        self.policy = policy
        self.policies = policies or (policy,)
        self.limit = limit
        self.used = used
        self.cost = cost
        self.retry_after_seconds = retry_after_seconds


class QuotaTooSmall(QuotaExceeded):
    """Raised when the job alone is above a limit: it fits at no time."""


class NothingNew(JobError):
    """Raised when no new job was to be recorded, and none was found that had been."""


class ModelDraining(JobError):
    """Raised when a model takes no new jobs because it is being drained."""

    def __init__(self, model: str) -> None:
        super().__init__(f"{model} is being drained")
        self.model = model


class StorageFull(JobError):
    """Raised when Redis has too little memory left to accept a job."""


class StoreUnavailable(JobError):
    """Raised when Redis did not answer; whether the move happened is unknown, and every move may be repeated."""


class UnsupportedServer(JobError):
    """Raised at start when the Redis server cannot keep the promises: Cluster, or a policy that evicts."""

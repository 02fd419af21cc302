"""What the record of jobs can refuse, named for what the caller must do."""

from __future__ import annotations


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


class NewerRecord(JobError):
    """Raised when a newer release wrote the record: this one leaves it alone, a process of that one can act."""


class IdempotencyMismatch(JobError):
    """Raised when an idempotency key comes back with another request; `job_id` is the job it made."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"the idempotency key belongs to job {job_id}, which was a different request")
        self.job_id = job_id


class QueueFull(JobError):
    """Raised when a model has `limit` jobs waiting and takes no more."""

    def __init__(self, model: str, limit: int) -> None:
        super().__init__(f"{limit} jobs wait for {model} already")
        self.model = model
        self.limit = limit


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

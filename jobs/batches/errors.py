"""What the record of batches can refuse."""

from __future__ import annotations

from jobs.errors import JobError


class BatchNotFound(JobError):
    """Raised when a tenant has no such batch."""

    def __init__(self, batch_id: str) -> None:
        super().__init__(batch_id)
        self.batch_id = batch_id


class LinesLeft(JobError):
    """Raised when a batch is to end while lines of it are not told; `count` is how many."""

    def __init__(self, batch_id: str, count: int) -> None:
        super().__init__(f"{count} lines of {batch_id} are not told yet")
        self.count = count

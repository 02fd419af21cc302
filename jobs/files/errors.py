"""What the record of files can refuse."""

from __future__ import annotations

from jobs.errors import JobError


class FileNotFound(JobError):
    """Raised when a tenant has no such file, or none any more."""


class FileLate(JobError):
    """Raised when a file is recorded so late that its bytes may be deleted already."""


class FilesFull(JobError):
    """Raised when a tenant's files would be more bytes than they may be; `used` are those that it has."""

    def __init__(self, *, limit: int, used: int) -> None:
        super().__init__(f"{used} of {limit} bytes are used")
        self.limit = limit
        self.used = used

"""What the store of keys can refuse."""

from __future__ import annotations

from jobs.errors import JobError


class KeyNotFound(JobError):
    """Raised when there is no such key, or none any more."""


class KeyNotLive(JobError):
    """Raised when a key has ended that is to be rotated."""


class KeyHasOther(JobError):
    """Raised when another key of the same line is live: a line has two at most."""

    def __init__(self, other: str) -> None:
        super().__init__(f"{other} is live")
        self.other = other

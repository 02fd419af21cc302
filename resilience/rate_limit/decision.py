"""What a limiter says about one request."""

from __future__ import annotations

import math
from typing import NamedTuple


class WindowState(NamedTuple):
    """One window as the request has left it.

    `seconds` is the length of the window; for a burst, how long it takes to come back whole. `remaining` is what can be
    taken at once. After `reset_seconds` without a request it would be `limit` again.
    """

    name: str
    bucket_key: str
    limit: int
    seconds: float
    remaining: int
    reset_seconds: float


class Decision(NamedTuple):
    """Whether a request may go on, and how all windows that it was held against stand now.

    A refused request may go on after `retry_after_seconds`, if nobody else takes meanwhile: 0 if it was allowed,
    infinite if its cost is above a limit. `violated` names the windows that have refused it. `is_local` says that Redis
    was away and this process has decided by itself.
    """

    allowed: bool
    states: tuple[WindowState, ...]
    retry_after_seconds: float
    violated: tuple[str, ...]
    is_local: bool = False

    @property
    def can_ever_succeed(self) -> bool:
        """False where no waiting helps: the cost is above a limit."""
        return math.isfinite(self.retry_after_seconds)

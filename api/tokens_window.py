"""A tenant's tokens per minute, as a window that answers tell beside those of requests."""

from __future__ import annotations

from api.want_of_room import policy_name
from jobs.errors import QuotaExceeded
from resilience.rate_limit.decision import WindowState

_LIMIT = "tokens_per_minute"
_SECONDS = 60.0


def tokens_window(*, limit: int, used: int, reset_seconds: float) -> WindowState:
    """Under the name that it has in `violated-policies` and `GET /v1/limits`."""
    return WindowState(policy_name(_LIMIT), "tenant", limit, _SECONDS, max(0, limit - used), reset_seconds)


def tokens_refused(error: Exception) -> WindowState | None:
    """The window that an error is about, which lasts until the job fits; None for any other, or if it never will."""
    if not isinstance(error, QuotaExceeded) or error.policy != _LIMIT or error.retry_after_seconds is None:
        return None
    return tokens_window(limit=error.limit, used=error.used, reset_seconds=error.retry_after_seconds)

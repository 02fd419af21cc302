"""What is told of a refusal for want of room: whose bound it was, and when to come back."""

from __future__ import annotations

import math

from api.job_requests import MAX_RETRY_SECONDS
from jobs.counted import counted
from jobs.errors import QueueFull, QuotaExceeded, QuotaTooSmall

WantOfRoom = QueueFull | QuotaExceeded

_WHAT = {"tokens_per_minute": "tokens per minute", "tokens_per_day": "tokens per day"}


def policy_name(limit: str) -> str:
    """Of a tenant's limit, on the wire."""
    return limit.replace("_", "-")


def violated(error: WantOfRoom) -> list[str]:
    """The limits that stand in the way, by the names that `GET /v1/limits` has for them."""
    return [policy_name(one) for one in error.policies] if isinstance(error, QuotaExceeded) else []


def headers(error: WantOfRoom) -> dict[str, str]:
    """When there will be room, where something tells.

    OpenAI's clients wait for 120 s at most and ask again at once when told of more; so they are told not to ask.
    """
    if error.retry_after_seconds is None:
        return {}
    seconds = max(1, math.ceil(error.retry_after_seconds))
    told = {"Retry-After": str(seconds)}
    return told | {"x-should-retry": "false"} if seconds > MAX_RETRY_SECONDS else told


def detail(error: WantOfRoom) -> str:
    """For people."""
    if isinstance(error, QueueFull):
        jobs = counted(error.limit, "job") + (" of yours" if error.whose == "tenant" else "")
        wait = "waits" if error.limit == 1 else "wait"
        return f"{jobs} {wait} for {error.model}, as many as may; no more are accepted until some have started."
    if error.policy == "concurrent_jobs":
        are = "is" if error.used == 1 else "are"
        return f"You have {counted(error.used, 'job')} that {are} not final, and may have {error.limit}."
    what = _WHAT[error.policy]
    if isinstance(error, QuotaTooSmall):
        return f"The job is estimated at {error.cost} tokens, and you may use {error.limit} {what}."
    return f"The job is estimated at {error.cost} tokens; you may use {error.limit} {what}, and have used {error.used}."

"""The webhook that a client gives along with one job."""

from __future__ import annotations

from dataclasses import dataclass

MOST_RESULT_BYTES = 20_000
"""A longer result is fetched from its address; receivers and proxies refuse long bodies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobWebhook:
    """Where the job's end is told: `url`, whose `origin` was checked, for the types of `events`.

    With `include_result` the body carries the result, or the error, up to MOST_RESULT_BYTES of JSON.
    """

    url: str
    origin: str
    events: tuple[str, ...]
    include_result: bool = False

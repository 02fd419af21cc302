"""What a receiver asks for by `Retry-After`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus

_SECONDS = re.compile(r"[0-9]{1,12}")
_LONGEST_DATE = 64
_ASKS_FOR_TIME = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


def seconds_asked_for(status: int, headers: Mapping[str, str], *, now: float) -> float | None:
    """How long an answer of 429 or 503 asks us to wait; None if it asks for nothing that can be understood.

    *now* is in Unix seconds, for headers that give a date; one that is over gives 0.
    """
    if status not in _ASKS_FOR_TIME:
        return None
    told = next((value.strip() for name, value in headers.items() if name.lower() == "retry-after"), "")
    if _SECONDS.fullmatch(told):
        return float(told)
    moment = _moment(told)
    return None if moment is None else max(0.0, moment - now)


def _moment(told: str) -> float | None:
    if not told or len(told) > _LONGEST_DATE:
        return None
    try:
        found = parsedate_to_datetime(told)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None

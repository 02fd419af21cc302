"""Ids of responses: those of their jobs."""

from __future__ import annotations

import re

from jobs.errors import JobNotFound

_RESPONSE_ID = re.compile(r"resp_[0-9A-Za-z]{22}")


def is_response_id(text: str) -> bool:
    """Whether *text* could be the id of a response."""
    return bool(_RESPONSE_ID.fullmatch(text))


def checked_response_id(response_id: str) -> str:
    """The id, if it could be one; else it is as unknown as any other response."""
    if not is_response_id(response_id):
        raise JobNotFound(response_id)
    return response_id

"""An event: something that a tenant's systems may want to hear of, listed for as long as the log goes back.

Its id tells its place in the list, so that a receiver can ask for what came after the last one it has seen:
`evt_`, the place as 16 hexadecimal digits, and the letters of the id that it is about, which nobody can guess.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

JOB_EVENTS = ("job.succeeded", "job.failed", "job.cancelled", "job.expired")
RESPONSE_EVENTS = ("response.completed", "response.failed", "response.cancelled", "response.incomplete")
BATCH_EVENTS = ("batch.completed", "batch.failed", "batch.cancelled", "batch.expired")
ENDPOINT_EVENTS = ("endpoint.disabling", "endpoint.disabled")

EVENT_TYPES = (*JOB_EVENTS, *RESPONSE_EVENTS, *BATCH_EVENTS, *ENDPOINT_EVENTS)
"""Everything that an endpoint can subscribe to."""

_ID = re.compile(r"evt_([0-9a-f]{12})([0-9a-f]{4})([0-9A-Za-z_]{1,40})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One entry of the list; `subject` is the id of the job, batch or endpoint that it is about.

    `created_at` is in Unix seconds of the Redis server's clock; `detail` is the model of a job, or of a
    batch if its input was valid, or the reason of what happens to an endpoint.
    """

    id: str
    type: str
    created_at: float
    subject: str
    detail: str


def place_of(event_id: str) -> str | None:
    """The event's place as the list knows it, such as `1764000000000-0`; None if this is no event's id."""
    found = _ID.fullmatch(event_id)
    return f"{int(found[1], 16)}-{int(found[2], 16)}" if found else None


def id_at(place: str, subject: str) -> str:
    """The id of the event about *subject* that stands at *place*."""
    milliseconds, _, number = place.partition("-")
    return f"evt_{int(milliseconds):012x}{int(number):04x}{subject.partition('_')[2]}"


def happened_at(event_id: str) -> float | None:
    """When that was, in Unix seconds of the Redis server's clock; None if this is no event's id."""
    found = _ID.fullmatch(event_id)
    return int(found[1], 16) / 1000 if found else None

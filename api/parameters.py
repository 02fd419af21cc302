"""Request headers and open-ended queries, as OpenAPI describes them."""

from __future__ import annotations

from typing import Any

from api.preferences import MAX_WAIT_SECONDS
from api.schema_rules import NO_NUL

Parameter = dict[str, Any]


def _header(name: str, description: str, example: str, pattern: str | None = None) -> Parameter:
    return {
        "in": "header",
        "name": name,
        "description": description,
        "schema": {"type": "string", **({"pattern": pattern} if pattern else {})},
        "example": example,
    }


PREFER = _header(
    "Prefer",
    f"`wait=N` holds the answer for up to N seconds, at most {MAX_WAIT_SECONDS}; `respond-async` asks for none of it",
    "wait=5",
)
IDEMPOTENCY_KEY = _header(
    "Idempotency-Key",
    "1 to 255 visible ASCII characters, bare or in double quotes; a repeated submit with it makes no second job",
    "order-42",
    r'^([!#-~][!-~]{0,254}|"([!#-\[\]-~]|\\["\\]){1,255}")$',
)
TRACEPARENT = _header(
    "traceparent",
    "The trace that the request belongs to (W3C Trace Context), sent along with webhooks; an unreadable one is ignored",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
)
IF_NONE_MATCH = _header("If-None-Match", "The `ETag` that the client knows; 304 while it still holds", 'W/"3"')
LAST_EVENT_ID = _header(
    "Last-Event-ID", "The id of the last event that the reader has; it wins over `after`", "41", r"^(-1|[0-9]{1,9})$"
)
LAST_EVENT_OF_RESPONSE = _header(
    "Last-Event-ID",
    "The number of the last event that the reader has; it wins over `starting_after`",
    "41",
    r"^[0-9]{1,9}$",
)
RANGE = _header("Range", "One range of bytes, answered 206; of what cannot be read nothing is said", "bytes=0-1023")
METADATA_FILTER: Parameter = {
    "in": "query",
    "name": "metadata.KEY",
    "description": "Only those with this pair of metadata, as in `metadata.order=42`; any number of keys",
    "schema": {"type": "string", "pattern": NO_NUL},
}

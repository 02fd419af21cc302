"""Server-sent events, as they go over the wire (WHATWG HTML, 9.2)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

EVENT_SCHEMA: Final = {
    "type": "object",
    "description": "One event of the stream",
    "required": ["data"],
    "properties": {
        "event": {"type": "string", "description": "Its name; absent where all are of one kind"},
        "id": {"type": "string", "description": "Where a reader goes on that was cut off behind it"},
        "data": {"type": "string", "description": "JSON, but for the `[DONE]` that ends some of OpenAI's streams"},
    },
}
"""What the OpenAPI document says of a stream."""

COMMENT = b": \n\n"
"""A heartbeat: readers pass over it, and what lies between sees that the connection is in use."""

WRITE_BYTES = 32 * 1024
"""How much is handed to a socket at a time, about."""


def event(data: str | Mapping[str, Any], *, name: str | None = None, id: int | None = None) -> bytes:  # noqa: A002
    """One event; *data* that is not text becomes compact JSON. Without *id* a reader keeps the last one."""
    text = (
        data if isinstance(data, str) else json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    )
    lines = [f"event: {name}"] if name is not None else []
    if id is not None:
        lines.append(f"id: {id}")
    lines += [f"data: {line}" for line in text.split("\n")]
    return ("\n".join(lines) + "\n\n").encode()


def retry(milliseconds: int) -> bytes:
    """Have the reader connect again this long after the end of the stream."""
    return f"retry: {milliseconds}\n\n".encode()


def portions(events: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of at most `WRITE_BYTES`, made as large as they may be; for events that are at hand."""
    gathered = bytearray()
    for one in events:
        gathered += one
        while len(gathered) >= WRITE_BYTES:
            yield bytes(gathered[:WRITE_BYTES])
            del gathered[:WRITE_BYTES]
    if gathered:
        yield bytes(gathered)

"""Reads server-sent events as a browser does: by the fields of the standard, from bytes in any pieces."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    name: str
    id: int | None
    text: str

    @property
    def data(self) -> Any:
        return json.loads(self.text)


def events(pieces: Iterable[bytes]) -> Iterator[Event]:
    """The events in a stream of bytes; one that was cut off counts as not sent."""
    rest = b""
    for piece in pieces:
        rest += piece
        *blocks, rest = rest.split(b"\n\n")
        for block in blocks:
            fields = [line.partition(": ") for line in block.decode().split("\n")]
            told = {name: value for name, _, value in fields if name}
            data = [value for name, _, value in fields if name == "data"]
            if data:
                number = int(told["id"]) if "id" in told else None
                yield Event(told.get("event", "message"), number, "\n".join(data))

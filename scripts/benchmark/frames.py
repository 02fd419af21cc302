"""Frames of server-sent events, each with the instant at which it was read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One event of ours: its name, its JSON, and when the last of its bytes was there, in seconds."""

    name: str
    data: Mapping[str, Any]
    at: float


def frames(read: Callable[[], bytes], *, clock: Callable[[], float]) -> Iterator[Frame]:
    """The events in what *read* returns piece by piece, up to an empty piece; comments are passed over."""
    rest = b""
    while piece := read():
        at = clock()
        *blocks, rest = (rest + piece).split(b"\n\n")
        for block in blocks:
            fields = dict(line.split(": ", 1) for line in block.decode().split("\n") if not line.startswith(":"))
            if "data" in fields:
                yield Frame(name=fields["event"], data=json.loads(fields["data"]), at=at)

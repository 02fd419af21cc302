"""Server-sent events, as a reader takes them off the wire (WHATWG HTML, 9.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")
"""A carriage return at the end of what has come may be half of a line's end."""


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event; `id` is None where it has none of its own."""

    name: str
    data: str
    id: str | None = None


def read_events(pieces: Iterable[bytes]) -> Iterator[ServerEvent | None]:
    """The events in *pieces*, which may be cut anywhere; None for each comment.

    What stands behind the last empty line was cut off, and is no event.
    """
    name, number, data = "message", None, list[str]()
    for line in _lines(pieces):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "" if line:
                yield None
            case "":
                if data:
                    yield ServerEvent(name, "\n".join(data), number)
                name, number, data = "message", None, []
            case "event":
                name = value
            case "id" if "\0" not in value:
                number = value
            case "data":
                data.append(value)


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for piece in pieces:
        *lines, rest = _LINE_END.split(rest + piece)
        for line in lines:
            yield line.decode(errors="replace")

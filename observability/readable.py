"""A line of the log as people like to read it; files keep the JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HEAD = ("time", "level", "logger", "event")
EVENT_COLUMNS = 20
_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:/{}<>@%+,")


@dataclass(frozen=True, slots=True, kw_only=True)
class Readable:
    """The parts of a line in their order; `below` follows on lines of its own."""

    time: str
    level: str
    event: str
    facts: tuple[tuple[str, str], ...]
    below: str = ""


def readable(entry: Mapping[str, Any]) -> Readable:
    """The parts of a structured line; facts that are null are left out."""
    facts = {name: value for name, value in entry.items() if name not in HEAD and value is not None}
    below = facts.pop("exc_info", "")
    return Readable(
        time=str(entry.get("time", "")),
        level=str(entry.get("level", "")),
        event=str(entry.get("event", "")),
        facts=tuple((name, _shown(value)) for name, value in facts.items()),
        below="\n".join(below) if isinstance(below, list) else str(below),
    )


def in_words(entry: Mapping[str, Any]) -> str:
    """The same as plain text."""
    line = readable(entry)
    facts = " ".join(f"{name}={value}" for name, value in line.facts)
    head = f"{line.time} {line.level:<8} {line.event:<{EVENT_COLUMNS}} {facts}".rstrip()
    return f"{head}\n{line.below}" if line.below else head


def _shown(value: object) -> str:
    if isinstance(value, str) and value and set(value) <= _BARE:
        return value
    return json.dumps(value, ensure_ascii=False, default=str)

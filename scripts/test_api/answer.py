"""What the system has answered, and what is expected of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scripts.event_stream import ServerEvent


class Unmet(Exception):
    """Raised when an answer is not as documented; the message says in what."""


class Skipped(Exception):
    """Raised when something cannot be checked here; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer; *body* is None unless it is a JSON object, *events* are those of a stream."""

    operation: str
    status: int
    seconds: float
    headers: Mapping[str, str]
    body: dict[str, Any] | None = None
    events: list[ServerEvent] = field(default_factory=list)

    def expect(self, *statuses: int) -> Answer:
        """The answer itself; raises Unmet unless it has one of *statuses*."""
        if self.status not in statuses:
            wanted = " or ".join(map(str, statuses))
            said = (self.body or {}).get("detail") or ""
            raise Unmet(f"{self.operation} answered {self.status}, not {wanted}{': ' if said else ''}{said}")
        return self

    def refuses(self, status: int, kind: str) -> Answer:
        """The answer itself; raises Unmet unless it is the problem *kind* with *status*."""
        self.expect(status)
        expect(self["type"] == f"/problems/{kind}", f"the problem is {self['type']}, not /problems/{kind}")
        error = self["error"]
        expect(isinstance(error, dict) and bool(error.get("message")), "the problem has no error of OpenAI's form")
        return self

    def blames(self, param: str) -> Answer:
        """The answer itself; raises Unmet unless its error names *param*."""
        found = self["error"].get("param")
        expect(found == param, f"the error names {found!r}, not {param!r}")
        return self

    def __getitem__(self, name: str) -> Any:
        if self.body is None or name not in self.body:
            raise Unmet(f"the answer to {self.operation} has no {name!r}")
        return self.body[name]


def expect(holds: bool, words: str) -> None:  # noqa: FBT001 - what is expected stands first, as in an assert
    """Raises Unmet with *words* unless what is expected *holds*."""
    if not holds:
        raise Unmet(words)

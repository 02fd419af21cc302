"""What a client would like but does not insist on: the `Prefer` header (RFC 7240)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

MAX_WAIT_SECONDS = 60

_PREFERENCE = re.compile(r'\s*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)\s*(?:=\s*("[^"]*"|[^\s;,]*))?[^,]*(?:,|$)')


@dataclass(frozen=True, slots=True)
class Preference:
    """`wait_seconds` is None when the client named no time."""

    wait_seconds: int | None = None
    is_async: bool = False

    def applied(self) -> dict[str, str]:
        """The header that tells the client what was honoured."""
        words = ["respond-async"] if self.is_async else []
        if self.wait_seconds is not None:
            words.append(f"wait={self.wait_seconds}")
        return {"Preference-Applied": ", ".join(words)} if words else {}


def parse_prefer(values: Iterable[str]) -> Preference:
    """Read all `Prefer` headers; what cannot be understood is passed over, and of two the first counts (RFC 7240)."""
    wait: int | None = None
    is_async = False
    for match in _PREFERENCE.finditer(",".join(values)):
        name, value = match[1].lower(), (match[2] or "").strip('"')
        if name == "respond-async":
            is_async = True
        elif name == "wait" and wait is None and re.fullmatch(r"[0-9]{1,9}", value):
            wait = min(int(value), MAX_WAIT_SECONDS)
    return Preference(wait, is_async)

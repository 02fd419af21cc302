"""The trace that a request belongs to: the `traceparent` header (W3C Trace Context)."""

from __future__ import annotations

import re

HEADER = "traceparent"

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.{0,200})?")


def parse_traceparent(header: str | None) -> str | None:
    """As version 00 has it; None where there is none, or none that can be read, as the specification wants it."""
    found = _PARENT.fullmatch((header or "").strip())
    if found is None:
        return None
    version, trace, parent, flags, more = found.groups()
    is_known = version != "ff" and not (version == "00" and more)
    return f"00-{trace}-{parent}-{flags}" if is_known and trace.strip("0") and parent.strip("0") else None

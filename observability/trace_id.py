"""The trace that a W3C `traceparent` names."""

from __future__ import annotations

_PARTS = 4


def trace_id_of(traceparent: str | None) -> str | None:
    """Its id, 32 hexadecimal digits; None where there is none."""
    parts = (traceparent or "").split("-")
    return parts[1] if len(parts) >= _PARTS else None

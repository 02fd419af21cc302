"""W3C Trace Context: one trace for all attempts of a delivery, the job's own where it came with one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

_FORM = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-.*)?")
_SPAN_BYTES = 8
_NOT_SAMPLED = "00"


def child_traceparent(given: str | None, event_id: str, draw: Callable[[int], bytes]) -> str:
    """A `traceparent` with a span of its own; *draw* gives so many random bytes.

    Without one that was given the trace is the event's, and nobody is asked to record it.
    """
    found = _FORM.fullmatch(given or "")
    trace = found[1] if found else hashlib.sha256(event_id.encode()).hexdigest()[:32]
    return f"00-{trace}-{draw(_SPAN_BYTES).hex()}-{found[2] if found else _NOT_SAMPLED}"

"""W3C Trace Context: the trace that a job, a batch or a delivery belongs to.

A record keeps one `traceparent`, of version 00. That of a span which this deployment records is marked there, and what
happens to the record is recorded under that span. What a client has sent is never marked, whatever its flags say: it
is kept to be passed on.
"""

from __future__ import annotations

import re
from hashlib import blake2b, sha256

HEADER = "traceparent"

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.{0,200})?")
_MARK = "-r"
_TRACE_BYTES, _SPAN_BYTES = 16, 8
_NOT_SAMPLED = "00"


def parse_traceparent(header: str | None) -> str | None:
    """As version 00 has it; None where there is none, or none that can be read, as the specification wants it."""
    found = _PARENT.fullmatch((header or "").strip())
    if found is None:
        return None
    version, trace, parent, flags, more = found.groups()
    is_known = version != "ff" and not (version == "00" and more)
    return f"00-{trace}-{parent}-{flags}" if is_known and trace.strip("0") and parent.strip("0") else None


def to_record(traceparent: str | None, *, is_traced: bool) -> str:
    """As a record keeps it, marked if its span is recorded here; empty for none."""
    return f"{traceparent}{_MARK if is_traced else ''}" if traceparent else ""


def from_record(kept: str) -> tuple[str | None, bool]:
    """What `to_record` was given; what cannot be read is none."""
    traceparent = parse_traceparent(kept.removesuffix(_MARK))
    return traceparent, traceparent is not None and kept.endswith(_MARK)


def span_id(*names: str | int) -> str:
    """That of what has these names, the same in every process: 16 hexadecimal digits."""
    return blake2b("/".join(map(str, names)).encode(), digest_size=_SPAN_BYTES).hexdigest()


def trace_id(name: str) -> str:
    """Of what begins a trace of its own: 32 hexadecimal digits, those of one name as random as those of another."""
    return blake2b(name.encode(), digest_size=_TRACE_BYTES).hexdigest()


def child_traceparent(given: str | None, child: str, *, event_id: str) -> str:
    """That of the span *child* in the trace that was *given*.

    Without one the trace is the event's, and nobody is asked to record it.
    """
    parent = parse_traceparent(given)
    if parent is None:
        return f"00-{sha256(event_id.encode()).hexdigest()[:32]}-{child}-{_NOT_SAMPLED}"
    _, trace, _, flags = parent.split("-")
    return f"00-{trace}-{child}-{flags}"

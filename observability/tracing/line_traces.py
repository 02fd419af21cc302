"""A line of a batch has a trace of its own, since one of a whole batch would be too large to be looked at."""

from __future__ import annotations

from jobs.traceparent import span_id, trace_id
from observability.tracing.sampling import Sampling


class LineTraces:
    """Of as large a part of lines as of requests."""

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling

    def __call__(self, job_id: str) -> str | None:
        """The `traceparent` of a line, by its job: the same whenever it is submitted. None if it is not traced."""
        trace = trace_id(job_id)
        return f"00-{trace}-{span_id(job_id)}-01" if self._sampling.takes_new(int(trace, 16)) else None

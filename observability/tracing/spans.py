"""Makes spans at given instants, under given parents and, where others have to know them, with given ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    TraceFlags,
    Tracer,
    format_span_id,
    format_trace_id,
    set_span_in_context,
)

Attributes = Mapping[str, str | int | float | bool | None]
Choose = Callable[[int | None, int | None], AbstractContextManager[None]]
"""While it lasts the next span has this trace id and this span id; what is None is drawn."""

_NOWHERE = Context()


class Spans:
    """Instants are Unix seconds, parents and links `traceparent`s."""

    def __init__(self, tracer: Tracer, choose: Choose) -> None:
        self._tracer = tracer
        self._choose = choose

    def begin(
        self,
        name: str,
        kind: SpanKind,
        *,
        attributes: Attributes,
        parent: str | None = None,
        at: float | None = None,
        links: Sequence[str] = (),
        trace_id: int | None = None,
        span_id: str | None = None,
    ) -> Span:
        """A span that goes on; without a parent in the trace *trace_id*. Attributes that are None are left out."""
        context = set_span_in_context(NonRecordingSpan(_context_of(parent)), _NOWHERE) if parent else _NOWHERE
        with self._choose(trace_id, int(span_id, 16) if span_id else None):
            return self._tracer.start_span(
                name,
                context=context,
                kind=kind,
                attributes={key: value for key, value in attributes.items() if value is not None},
                links=[Link(_context_of(link)) for link in links],
                start_time=nanoseconds(at),
            )

    def record(
        self, name: str, kind: SpanKind, *, at: float, until: float, parent: str, attributes: Attributes
    ) -> None:
        """A span that is over."""
        span = self.begin(name, kind, attributes=attributes, parent=parent, at=at)
        span.end(nanoseconds(until))


def nanoseconds(at: float | None) -> int | None:
    """As spans have them; None is for now."""
    return None if at is None else round(at * 1e9)


def traceparent_of(span: Span) -> str:
    """By which others hang under it."""
    context = span.get_span_context()
    return f"00-{format_trace_id(context.trace_id)}-{format_span_id(context.span_id)}-{context.trace_flags:02x}"


def _context_of(traceparent: str) -> SpanContext:
    _, trace_id, span_id, flags = traceparent.split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))

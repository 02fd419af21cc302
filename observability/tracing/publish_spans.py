"""The message that names a job, as a span of that job's own trace, whoever publishes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.trace import SpanKind, StatusCode

from jobs.traceparent import HEADER
from observability.tracing.spans import Spans, traceparent_of

Headers = Mapping[str, str]


class PublishSpans:
    """Called around the publishing of some messages."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans

    @contextmanager
    def __call__(self, queue: str, traceparents: Mapping[str, str]) -> Iterator[Mapping[str, Headers]]:
        """Headers for the message of each job that is traced, by its id."""
        attributes = {
            "messaging.system": "celery",
            "messaging.operation.type": "send",
            "messaging.operation.name": "publish",
            "messaging.destination.name": queue,
        }
        spans = {
            job_id: self._spans.begin(
                f"publish {queue}",
                SpanKind.PRODUCER,
                attributes={**attributes, "messaging.message.id": job_id, "frontier.job.id": job_id},
                parent=traceparent,
            )
            for job_id, traceparent in traceparents.items()
        }
        try:
            yield {job_id: {HEADER: traceparent_of(span)} for job_id, span in spans.items()}
        except Exception as error:
            for span in spans.values():
                span.set_status(StatusCode.ERROR)
                span.set_attribute("error.type", type(error).__name__)
            raise
        finally:
            for span in spans.values():
                span.end()

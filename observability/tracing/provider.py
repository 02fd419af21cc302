"""Sets the SDK up, in the process that serves: spans wait in a bounded queue, and leave by a thread of their own."""

from __future__ import annotations

import logging
import os
import random
import threading
from collections.abc import Mapping

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from observability.tracing.ids import ChosenIds
from observability.tracing.settings import Target
from observability.tracing.spans import Spans
from observability.tracing.told_exporter import ToldExporter

CLOSE_SECONDS = 2.0


class Provider:
    """What begins spans is decided before (`sampling`, and the marks of records), so every span here is recorded."""

    def __init__(self, target: Target, resource: Mapping[str, str]) -> None:
        # What it has to say of each batch that is lost, `told_exporter` says once.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        ids = ChosenIds(random.Random(os.urandom(32)))  # noqa: S311 - ids, not secrets
        self._provider = TracerProvider(
            sampler=ALWAYS_ON, resource=Resource.create({**resource}), shutdown_on_exit=False, id_generator=ids
        )
        self._provider.add_span_processor(BatchSpanProcessor(ToldExporter(_exporter(target), target.host)))
        self.spans = Spans(self._provider.get_tracer("frontier", resource["service.version"]), ids.choose)

    def close(self) -> None:
        """Send what waits, for so long at most as one may wait for a collector at the end of a process."""
        closing = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)


def _exporter(target: Target) -> SpanExporter:
    """Only one of the two is loaded: gRPC takes seconds, and must not be seen by gevent at all."""
    if target.protocol == "grpc":
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as grpc  # noqa: PLC0415 - see above

        return grpc.OTLPSpanExporter(endpoint=target.url)
    from opentelemetry.exporter.otlp.proto.http import trace_exporter as http  # noqa: PLC0415 - see above

    return http.OTLPSpanExporter(endpoint=target.url)

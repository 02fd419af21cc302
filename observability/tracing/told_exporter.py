"""Says once that spans do not arrive, and once that they do again; meanwhile they are lost without a word."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

log = logging.getLogger(__name__)


class ToldExporter(SpanExporter):
    """Over the *exporter* to a *host*; called by one thread."""

    def __init__(self, exporter: SpanExporter, host: str) -> None:
        self._exporter = exporter
        self._host = host
        self._arrives = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        arrives = result is SpanExportResult.SUCCESS
        if self._arrives and not arrives:
            log.warning("traces_not_exported", extra={"collector": self._host})
        elif arrives and not self._arrives:
            log.info("traces_exported_again", extra={"collector": self._host})
        self._arrives = arrives
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

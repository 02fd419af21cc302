"""The output of batches in numbers."""

from __future__ import annotations

from jobs.events import Event, PartsCommitted
from observability.metrics import worker_catalogue as told
from observability.metrics.instruments import Instruments


class PartMetrics:
    """Listens to one runner."""

    def __init__(self, instruments: Instruments) -> None:
        lines = instruments.counter(told.BATCH_LINES)
        self._completed, self._failed = lines.labels("completed"), lines.labels("failed")
        self._parts = instruments.counter(told.BATCH_PARTS)

    def listen(self, event: Event) -> None:
        if isinstance(event, PartsCommitted):
            self._completed.inc(event.completed)
            self._failed.inc(event.failed)
            self._parts.inc(event.parts)

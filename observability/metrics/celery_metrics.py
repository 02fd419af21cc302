"""What Celery says of its own work, in numbers; its signals are connected elsewhere."""

from __future__ import annotations

from observability.metrics import worker_catalogue as told
from observability.metrics.instruments import Instruments


class CeleryMetrics:
    """Of one process of Celery."""

    def __init__(self, instruments: Instruments) -> None:
        self.received = instruments.counter(told.MESSAGES_RECEIVED)
        self.failures = instruments.counter(told.TASK_FAILURES)
        self.revoked = instruments.counter(told.TASKS_REVOKED)
        self.running = instruments.gauge(told.TASKS_RUNNING)
        self.ready = instruments.gauge(told.READY)
        self.heartbeat = instruments.gauge(told.CELERY_HEARTBEAT)

"""Tells metrics what Celery's signals say that no event of ours does; the canaries of a process do not count."""

from __future__ import annotations

import time
from typing import Any

from celery import signals
from celery.app.task import Task

from observability.metrics.celery_metrics import CeleryMetrics
from tasks.canaries import CANARY


def connect_signals(metrics: CeleryMetrics) -> None:
    """For the rest of the process's life."""
    _tell_tasks(metrics)
    _tell_life(metrics)


def _tell_tasks(metrics: CeleryMetrics) -> None:
    @signals.task_received.connect(weak=False)
    def receive(request: Any, **_: object) -> None:
        if request.name != CANARY:
            metrics.received.inc()

    @signals.task_prerun.connect(weak=False)
    def begin(task: Task[..., Any], **_: object) -> None:
        if task.name != CANARY:
            metrics.running.inc()

    @signals.task_postrun.connect(weak=False)
    def end(task: Task[..., Any], **_: object) -> None:
        if task.name != CANARY:
            metrics.running.dec()

    @signals.task_failure.connect(weak=False)
    def fail(**_: object) -> None:
        metrics.failures.inc()

    @signals.task_revoked.connect(weak=False)
    def revoke(**_: object) -> None:
        metrics.revoked.inc()


def _tell_life(metrics: CeleryMetrics) -> None:
    @signals.worker_ready.connect(weak=False)
    def open_process(**_: object) -> None:
        metrics.ready.set(1)

    @signals.worker_shutting_down.connect(weak=False)
    def wind_down(**_: object) -> None:
        metrics.ready.set(0)

    @signals.heartbeat_sent.connect(weak=False)
    def beat(**_: object) -> None:
        metrics.heartbeat.set(time.time())

"""Has a Celery process send messages to itself, on a queue that no other reads."""

from __future__ import annotations

import time
from collections.abc import Callable

import redis
from celery import Celery, signals
from celery.apps.worker import Worker as CeleryWorker
from kombu import Exchange, Queue

from jobs.probe_settings import ProbeSettings
from tasks.proving import Proving

CANARY = "frontier.canary"
"""Name on the wire of the task that proves that messages come."""

KEPT_SECONDS = 3600
"""For how long what a process that is gone has sent to itself is kept."""


class Canaries:
    """Made with the *app*, before Celery starts; `prove` begins once the process is put together."""

    def __init__(self, app: Celery, settings: ProbeSettings, name: str) -> None:
        self._app = app
        self._settings = settings
        self._queue = f"{CANARY}.{name}"
        self._proving: Proving | None = None
        if settings.file is None:
            return
        settings.file.unlink(missing_ok=True)  # what it said in an earlier life
        app.conf.worker_concurrency += 1

        @app.task(name=CANARY, ignore_result=True, send_events=False)
        def canary() -> str:
            return self._proving.come() if self._proving else "too early"

        @signals.celeryd_after_setup.connect(weak=False)
        def listen(instance: CeleryWorker, **_: object) -> None:
            """Also where the command line names queues."""
            own = instance.app.amqp.queues.select_add(Queue(self._queue, auto_delete=True))
            own.exchange = Exchange("")  # bound to none, a queue leaves nothing behind

    def prove(self, client: redis.Redis, works: Callable[[], object] = lambda: None) -> None:
        """Begin: Celery listens. *works* as `Proving` has it, by default what comes has come through."""
        if self._settings.file is None:
            return

        def send() -> None:
            self._app.send_task(CANARY, queue=self._queue, declare=())
            client.expire(self._queue, KEPT_SECONDS)

        self._proving = Proving(
            file=self._settings.file,
            every_seconds=self._settings.every_seconds,
            limit_seconds=self._settings.limit_seconds,
            send=send,
            works=works,
            now=time.time,
        )
        self._proving.start()

    def wind_down(self) -> None:
        if self._proving:
            self._proving.begin_end()

    def close(self) -> None:
        if self._proving:
            self._proving.stop()

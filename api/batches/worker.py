"""Puts a runner of batches together: `celery -A api.batches.worker worker --queues batches`.

It finds its own work, as a sender does: no message is needed for a batch to go on. Celery gives it what every process
of a deployment has, its signals and its logs. Like every process it keeps house for jobs.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from functools import partial
from random import Random, SystemRandom

from celery import Celery

from api.batches.line_submissions import LineSubmissions
from api.batches.retirement import Retirement
from api.batches.runner import BatchRunner
from api.batches.runner_settings import RunnerSettings
from api.batches.work import Work
from api.files.disposal import ROUND_SECONDS, Disposal
from api.model_gate import ModelGate
from api.result_cache import known_results
from jobs.batches.store import BatchStore
from jobs.connection import connect
from jobs.files.store import FileStore
from jobs.log_key import find_log_key
from jobs.store import JobStore
from models.catalog import CatalogError
from observability.tenant_hash import hash_tenants_with
from observability.tracing.tracing import open_tracing
from resilience.circuit.connecting import circuits_at
from resilience.failpoints import arm
from storage.errors import StorageMisplaced
from storage.storage import Storage
from tasks.app import batch_queue, make_app
from tasks.canaries import Canaries
from tasks.dispatch import Dispatcher, Rounds
from tasks.ear import Ear
from tasks.identity import Identity
from tasks.lifecycle import follow_celery, settings_or_exit, wait_for_redis
from tasks.measuring import Measuring

log = logging.getLogger("frontier.worker")

RENEWALS_PER_LEASE = 10 / 3
LOOK_SECONDS = 1.0


class Runner:
    """The parts of one runner process."""

    def __init__(self, settings: RunnerSettings, app: Celery, canaries: Canaries) -> None:
        self._measuring = Measuring(settings.metrics)
        identity = Identity.of_this_process(settings.runner)
        random = Random(identity.instance)  # noqa: S311 - jitter, not secrets
        client = connect(settings.redis_url, max_connections=settings.batches + 8)
        store = JobStore(client, settings.store)
        wait_for_redis(store.ping)
        store.check_server()
        hash_tenants_with(find_log_key(client, store.keys))
        circuits = circuits_at(settings.redis_url, settings.circuits, random=SystemRandom())
        self._tracing = tracing = open_tracing(settings.tracing, service="frontier-runner", instance=identity.instance)
        dispatcher = Dispatcher(store, app, circuits, publishing=tracing.publishing)
        batches = BatchStore(client, settings.store)
        files = FileStore(client, settings.store)
        storage = Storage.at(settings.files_url)
        submissions = LineSubmissions(
            store=store,
            dispatcher=dispatcher,
            gate=ModelGate(circuits),
            find_known=known_results(client, store, settings.cache).reuse,
            clock=time.time,
            line_trace=tracing.line_trace,
            listeners=tracing.listeners,
        )
        work = Work(
            batches=batches,
            jobs=store,
            storage=storage,
            submissions=submissions,
            catalog=settings.catalog,
            limits=settings.limits,
            draw_seed=partial(secrets.randbelow, 2**53),
            clock=time.monotonic,
            now=time.time,
            listeners=self._measuring.parts(),
            reach=arm(settings.failpoints),
        )
        self._runner = runner = BatchRunner(work, runner=settings.runner, most=settings.batches)
        self._looking = Rounds("batches", runner.look, lambda: random.uniform(0.75, 1.25) * LOOK_SECONDS)
        self._threads = (
            Ear(client, batches.channel, self._hear),
            self._looking,
            Rounds("leases", runner.renew, lambda: settings.store.lease_seconds / RENEWALS_PER_LEASE),
            Rounds(
                "files",
                Disposal(store=files, storage=storage, clock=time.time).run,
                lambda: random.uniform(0.75, 1.25) * ROUND_SECONDS,
            ),
            Rounds(
                "retirement",
                Retirement(batches=batches, storage=storage).run,
                lambda: random.uniform(0.75, 1.25) * ROUND_SECONDS,
            ),
            dispatcher.sweep_rounds(lambda: random.uniform(0.75, 1.25) * settings.store.sweep_seconds),
        )
        self._prove = partial(canaries.prove, client)
        self._canaries = canaries
        self._closed: threading.Thread | None = None

    def open(self) -> None:
        """Take batches: Celery listens now."""
        for thread in self._threads:
            thread.start()
        self._prove()
        log.info("runner_ready")

    def wind_down(self) -> None:
        """Take no more, and give back those that are held."""
        self._canaries.wind_down()
        self._closed = threading.Thread(target=self._runner.close, name="shutdown", daemon=True)
        self._closed.start()

    def close(self) -> None:
        """End the threads, once all batches are given back."""
        self._canaries.close()
        if self._closed is not None:
            self._closed.join()
        for thread in self._threads:
            thread.stop()
        self._tracing.close()
        self._measuring.close()

    def _hear(self, ref: bytes | None) -> None:
        if not self._runner.hear(ref):
            self._looking.nudge()


def make_runner_app(settings: RunnerSettings) -> Celery:
    """The Celery app of a runner, which is put together when Celery says that the worker starts."""
    app = make_app(settings.redis_url, events=settings.events)
    app.conf.worker_concurrency = 1
    app.conf.task_queues = (batch_queue(),)
    canaries = Canaries(app, settings.probe, settings.runner)
    follow_celery(lambda: Runner(settings, app, canaries), hopeless=StorageMisplaced)
    return app


app = make_runner_app(settings_or_exit(RunnerSettings.from_env, wrong=CatalogError))

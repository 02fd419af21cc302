"""Puts a worker together: `celery -A tasks.worker worker`.

One model, one engine, one process. Celery brings messages and runs one thread per job; each thread hands
its request to the engine and waits, so that Celery and Flower see one ordinary task per job.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from functools import partial
from random import Random, SystemRandom

from celery import Celery

from jobs.connection import connect
from jobs.job import Outcome
from jobs.log_key import find_log_key
from jobs.store import JobStore
from jobs.traceparent import HEADER, parse_traceparent
from models.catalog import CatalogError
from models.loader import ModelUnavailable
from observability.attempt_log import log_attempt, note_attempt
from observability.log_context import about
from observability.tenant_hash import hash_tenants_with
from observability.tracing.tracing import open_tracing
from resilience.circuit.connecting import circuits_at
from resilience.failpoints import arm
from resilience.result_cache.result_cache import ResultCache
from tasks.app import ATTEMPT, make_app, model_queue
from tasks.attempt import Attempts, keep_nothing
from tasks.canaries import Canaries
from tasks.control import Control
from tasks.dispatch import Dispatcher
from tasks.emitter import Emitter
from tasks.engine_proof import EngineProof
from tasks.gauging import Gauging
from tasks.identity import Identity
from tasks.keeping import ResultKeeper
from tasks.leases import LeaseKeeper
from tasks.lifecycle import follow_celery, settings_or_exit, wait_for_redis
from tasks.loading import load
from tasks.measuring import Measuring
from tasks.model_circuit import ModelCircuit
from tasks.running import RunningAttempt, RunningAttempts
from tasks.settings import WorkerSettings
from tasks.shutdown import Shutdown
from tasks.watchdog import Watchdog

log = logging.getLogger("frontier.worker")


class Worker:
    """The parts of one worker process, from the loaded engine to the last thread."""

    def __init__(self, settings: WorkerSettings, app: Celery, canaries: Canaries) -> None:
        self._measuring = measuring = Measuring(settings.metrics)
        model = settings.model.name
        identity = Identity.of_this_process(settings.worker)
        random = Random(identity.instance)  # noqa: S311 - jitter, not secrets
        client = connect(settings.redis_url, max_connections=settings.concurrency + 8)
        store = JobStore(client, settings.store)
        wait_for_redis(store.ping)
        store.check_server()
        hash_tenants_with(find_log_key(client, store.keys))
        circuits = circuits_at(settings.redis_url, settings.circuits, random=SystemRandom())
        circuit = ModelCircuit(circuits, model)
        engine, revision = load(settings)
        self._engine = engine
        keep: Callable[[RunningAttempt, Outcome], None] = keep_nothing
        if settings.cache.backend == "redis":
            cache = ResultCache(settings.cache, client, prefix=store.keys.name("cache:"))
            keep = ResultKeeper(cache=cache, keys=store.keys).keep
        self._tracing = tracing = open_tracing(settings.tracing, service="frontier-worker", instance=identity.instance)
        dispatcher = Dispatcher(store, app, circuits, publishing=tracing.publishing)
        self._refill = dispatcher.refill_rounds(model, before=circuit.flush)
        running = RunningAttempts(engine.cancel)
        proof = EngineProof(engine, running, model=model, embeds=settings.model.embeds, clock=time.monotonic)
        # Tokens of another server may cost somebody something, and a new process would not mend it.
        self._prove = partial(canaries.prove, client, *([proof.wait] if settings.model.engine != "upstream" else []))
        self._canaries = canaries
        reach = arm(settings.failpoints)
        emitter = Emitter(store, running, time.monotonic, reach=reach)
        self._keeper = keeper = LeaseKeeper(
            store,
            running,
            identity=identity,
            model=model,
            slots=engine.slots,
            reserved_slots=settings.model.reserved_interactive_slots,
            revision=revision,
            clock=time.monotonic,
            gauges=Gauging(engine.load, clock=time.monotonic).now,
        )
        self._shutdown = Shutdown(running, keeper, grace_seconds=settings.shutdown_grace_seconds)
        self.attempts = Attempts(
            store=store,
            engine=engine,
            running=running,
            circuit=circuit,
            receiver=emitter.receiver,
            refill=self._refill.nudge,
            model=model,
            worker=settings.worker,
            clock=time.monotonic,
            pause=time.sleep,
            random=random,
            is_closing=self._shutdown.is_closing,
            revision=revision,
            keep=keep,
            listeners=(
                note_attempt,
                log_attempt,
                proof.listen,
                *tracing.listeners,
                *measuring.attempts(model=model),
            ),
            reach=reach,
        )
        measuring.steps(lambda: engine.load().steps_by_rows, slots=engine.slots, model=model)
        rescued = keeper.join()
        self._names = {"worker": settings.worker, "model": model}
        log.info("worker_joined", extra={**self._names, "rescued": rescued})
        sweep_seconds = settings.store.sweep_seconds
        self._threads = (
            emitter,
            keeper,
            self._refill,
            circuit.renewals(),
            Control(store, client, running, worker=settings.worker, clock=time.monotonic, on_reader=emitter.nudge),
            dispatcher.sweep_rounds(lambda: random.uniform(0.75, 1.25) * sweep_seconds),
            Watchdog(engine, limit_seconds=settings.watchdog_seconds, end_process=os._exit),
        )
        for thread in self._threads:
            thread.start()

    def open(self) -> None:
        """Let jobs come: Celery listens now, so that none has to wait in the broker until it does."""
        self._keeper.open()
        self._refill.nudge()
        self._prove()
        log.info("worker_ready", extra=self._names)

    def wind_down(self) -> None:
        """Take no more jobs; those that run get the grace."""
        self._canaries.wind_down()
        self._shutdown.begin()

    def close(self) -> None:
        """End the engine and the threads; every attempt is over by now."""
        self._canaries.close()
        self._engine.close()
        for thread in self._threads:
            thread.stop()
        self._tracing.close()
        self._measuring.close()


def make_worker_app(settings: WorkerSettings) -> Celery:
    """The Celery app of a worker; the engine is loaded when Celery says that the worker starts."""
    app = make_app(settings.redis_url, events=settings.events)
    app.conf.worker_concurrency = settings.concurrency
    app.conf.task_queues = (model_queue(settings.model.name),)
    canaries = Canaries(app, settings.probe, settings.worker)
    worker = follow_celery(lambda: Worker(settings, app, canaries), hopeless=ModelUnavailable)

    @app.task(name=ATTEMPT, ignore_result=True)
    def attempt(job_id: str) -> str:
        published_in = parse_traceparent(attempt.request.get(HEADER))
        with about(job_id=job_id):
            return worker().attempts.run(job_id, published_in=published_in)

    return app


app = make_worker_app(settings_or_exit(WorkerSettings.from_env, wrong=CatalogError))

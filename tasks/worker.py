"""Puts a worker together: `celery -A tasks.worker worker`.

One model, one engine, one process. Celery brings messages and runs one thread per job; each thread hands
its request to the engine and waits, so that Celery and Flower see one ordinary task per job.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from random import Random

from celery import Celery, signals

from jobs.connection import connect
from jobs.environment import SettingError
from jobs.errors import StoreUnavailable, UnsupportedServer
from jobs.store import JobStore
from models.catalog import CatalogError
from models.loader import ModelUnavailable, build_engine
from observability.attempt_log import log_attempt
from observability.logs import configure_logging
from resilience.failpoints import arm
from tasks.app import ATTEMPT, make_app, model_queue
from tasks.attempt import Attempts
from tasks.control import Control
from tasks.dispatch import Dispatcher
from tasks.emitter import Emitter
from tasks.identity import Identity
from tasks.leases import LeaseKeeper, NameTaken
from tasks.running import RunningAttempts
from tasks.settings import WorkerSettings
from tasks.shutdown import Shutdown
from tasks.watchdog import Watchdog

log = logging.getLogger("frontier.worker")

EXIT_FAILURE = 1
EXIT_CONFIGURATION = 78
"""Exit code of a worker that cannot start until somebody changes something (EX_CONFIG of sysexits)."""

REDIS_PATIENCE_SECONDS = 60.0


class Worker:
    """The parts of one worker process, from the loaded engine to the last thread."""

    def __init__(self, settings: WorkerSettings, app: Celery) -> None:
        model = settings.model.name
        identity = Identity.of_this_process(settings.worker)
        random = Random(identity.instance)  # noqa: S311 - jitter, not secrets
        client = connect(settings.redis_url, max_connections=settings.concurrency + 8)
        store = JobStore(client, settings.store)
        _wait_for(store)
        store.check_server()
        self.engine = build_engine(
            settings.model,
            slots=settings.slots,
            flush_timeout_seconds=settings.flush_timeout_ms / 1000,
            upstream_key=settings.upstream_key,
        )
        dispatcher = Dispatcher(store, app)
        self._refill = dispatcher.refill_rounds(model)
        running = RunningAttempts(self.engine.cancel)
        reach = arm(settings.failpoints)
        emitter = Emitter(store, running, time.monotonic, reach=reach)
        self._keeper = keeper = LeaseKeeper(
            store, running, identity=identity, model=model, slots=self.engine.slots, clock=time.monotonic
        )
        self.shutdown = Shutdown(running, keeper, grace_seconds=settings.shutdown_grace_seconds)
        self.attempts = Attempts(
            store=store,
            engine=self.engine,
            running=running,
            receiver=emitter.receiver,
            refill=self._refill.nudge,
            model=model,
            worker=settings.worker,
            clock=time.monotonic,
            pause=time.sleep,
            random=random,
            is_closing=self.shutdown.is_closing,
            listeners=(log_attempt,),
            reach=reach,
        )
        rescued = keeper.join()
        log.info("worker_joined", extra={"worker": settings.worker, "model": model, "rescued": rescued})
        sweep_seconds = settings.store.sweep_seconds
        self._threads = (
            emitter,
            keeper,
            self._refill,
            Control(store, client, running, worker=settings.worker, clock=time.monotonic),
            dispatcher.sweep_rounds(lambda: random.uniform(0.75, 1.25) * sweep_seconds),
            Watchdog(self.engine, limit_seconds=settings.watchdog_seconds, end_process=os._exit),
        )
        for thread in self._threads:
            thread.start()

    def open(self) -> None:
        """Let jobs come: Celery listens now, so that none has to wait in the broker until it does."""
        self._keeper.open()
        self._refill.nudge()

    def close(self) -> None:
        """End the engine and the threads; every attempt is over by now."""
        self.engine.close()
        for thread in self._threads:
            thread.stop()


def make_worker_app(settings: WorkerSettings) -> Celery:
    """The Celery app of a worker; the engine is loaded when Celery says that the worker starts."""
    app = make_app(settings.redis_url, events=settings.events)
    app.conf.worker_concurrency = settings.concurrency
    app.conf.task_queues = (model_queue(settings.model.name),)
    workers: list[Worker] = []

    @app.task(name=ATTEMPT, ignore_result=True)
    def attempt(job_id: str) -> str:
        return workers[0].attempts.run(job_id)

    @signals.setup_logging.connect(weak=False)
    def log_as_json(loglevel: int = logging.INFO, **_: object) -> None:
        configure_logging(sys.stderr, level=logging.getLevelName(loglevel))

    @signals.worker_init.connect(weak=False)
    def start(**_: object) -> None:
        configure_logging(sys.stderr)
        try:
            workers.append(Worker(settings, app))
        except (ModelUnavailable, UnsupportedServer, NameTaken, StoreUnavailable) as error:
            log.critical("worker_cannot_start", extra={"reason": str(error)})
            raise SystemExit(EXIT_CONFIGURATION) from error
        except Exception as error:  # Celery would go on without an engine, and swallow messages
            log.critical("worker_cannot_start", exc_info=True, extra={"reason": repr(error)})
            raise SystemExit(EXIT_FAILURE) from error

    @signals.worker_ready.connect(weak=False)
    def take_jobs(**_: object) -> None:
        workers[0].open()
        log.info("worker_ready", extra={"worker": settings.worker, "model": settings.model.name})

    @signals.worker_shutting_down.connect(weak=False)
    def wind_down(**_: object) -> None:
        workers[0].shutdown.begin()

    @signals.worker_shutdown.connect(weak=False)
    def close(**_: object) -> None:
        workers[0].close()

    return app


def _wait_for(store: JobStore) -> None:
    """A server that is just starting, or loading its file, gets a minute."""
    give_up_at = time.monotonic() + REDIS_PATIENCE_SECONDS
    while True:
        try:
            return store.ping()
        except StoreUnavailable as error:
            if time.monotonic() > give_up_at:
                raise
            log.warning("waiting_for_redis", extra={"reason": str(error)})
            time.sleep(1)


def _settings() -> WorkerSettings:
    try:
        return WorkerSettings.from_env(os.environ)
    except (SettingError, CatalogError) as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(EXIT_CONFIGURATION) from error


app = make_worker_app(_settings())

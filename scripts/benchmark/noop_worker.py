"""A Celery worker whose task does nothing: `celery -A scripts.benchmark.noop_worker worker`.

Its app, pool and log are those of our own worker. BENCHMARK_CONCURRENCY threads; when it listens, and after every
BENCHMARK_STRIDE tasks, it says so in Redis. With BENCHMARK_ACKNOWLEDGES it acknowledges messages, which Celery
does by default over Redis and our own worker does not.
"""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path

from celery import Celery, signals
from redis import Redis

from observability.logs import configure_logging
from scripts.programs import CELERY, log_file
from scripts.supervisor import Program, Stage
from tasks.app import make_app

REDIS_URL = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
MODULE = "scripts.benchmark.noop_worker"
TASK = "benchmark.noop"
STRIDES = "benchmark:strides"
"""A counter in Redis: how many times so many tasks were done."""
READY = "benchmark:ready"
"""A key in Redis, once the worker listens."""


def make_noop_app(redis_url: str, *, concurrency: int, stride: int, acknowledges: bool) -> Celery:
    """The app with the task, which counts what it has done."""
    app = make_app(redis_url)
    app.conf.broker_transport_options["ack_emulation"] = acknowledges
    app.conf.worker_concurrency = concurrency
    done = itertools.count(1)

    @app.task(name=TASK)
    def noop(job_id: str) -> None:  # noqa: ARG001 - as much as our own message carries
        if next(done) % stride == 0:
            with Redis.from_url(redis_url) as client:
                client.incr(STRIDES)

    return app


def noop_program(redis_url: str, folder: Path, *, concurrency: int, stride: int, acknowledges: bool) -> Program:
    """The worker, started as our own is."""
    variables = {
        "REDIS_URL": redis_url,
        "BENCHMARK_CONCURRENCY": str(concurrency),
        "BENCHMARK_STRIDE": str(stride),
        **({"BENCHMARK_ACKNOWLEDGES": "1"} if acknowledges else {}),
    }
    return Program(
        name="noop",
        stage=Stage.WORKER,
        command=[sys.executable, *(MODULE if word == "tasks.worker" else word for word in CELERY)],
        environment={**os.environ, **variables},
        log=log_file(folder, "noop"),
        grace_seconds=1.0,
    )


@signals.setup_logging.connect(weak=False)
def _log_as_our_worker_does(**_: object) -> None:
    configure_logging(sys.stderr)


@signals.worker_ready.connect(weak=False)
def _tell(**_: object) -> None:
    with Redis.from_url(REDIS_URL) as client:
        client.set(READY, 1)


app = make_noop_app(
    REDIS_URL,
    concurrency=int(os.environ.get("BENCHMARK_CONCURRENCY", "36")),
    stride=int(os.environ.get("BENCHMARK_STRIDE", "100")),
    acknowledges="BENCHMARK_ACKNOWLEDGES" in os.environ,
)

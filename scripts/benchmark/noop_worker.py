"""A Celery worker whose task does nothing: `celery -A scripts.benchmark.noop_worker worker`.

Its app, pool and log are those of our own worker. BENCHMARK_CONCURRENCY threads; after every
BENCHMARK_STRIDE tasks it says so in Redis. With BENCHMARK_ACKNOWLEDGES it acknowledges messages, which Celery
does by default over Redis and our own worker does not.
"""

from __future__ import annotations

import itertools
import os
import sys

from celery import Celery, signals
from redis import Redis

from observability.logs import configure_logging
from tasks.app import make_app

TASK = "benchmark.noop"
STRIDES = "benchmark:strides"
"""A counter in Redis: how many times so many tasks were done."""


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


@signals.setup_logging.connect(weak=False)
def _log_as_our_worker_does(**_: object) -> None:
    configure_logging(sys.stderr)


app = make_noop_app(
    os.environ.get("REDIS_URL", "redis://localhost:6379/0"),
    concurrency=int(os.environ.get("BENCHMARK_CONCURRENCY", "36")),
    stride=int(os.environ.get("BENCHMARK_STRIDE", "100")),
    acknowledges="BENCHMARK_ACKNOWLEDGES" in os.environ,
)

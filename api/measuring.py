"""Puts together what an API process measures."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import redis
from flask import Flask

from api.blueprint import Blueprint
from api.fleet_readings import CircuitTrips
from api.metrics_blueprint import metrics_blueprint
from api.metrics_port import MetricsPort
from api.model_gate import ModelGate
from api.request_metrics import add_request_metrics
from api.settings import ApiSettings
from api.stream_times import StreamTimes, StreamWatch, Unmeasured
from jobs.connection import connect
from jobs.keys import Keys
from jobs.store import JobStore
from jobs.webhooks.receiver_circuits import PREFIX as RECEIVERS
from models.catalog import Catalog
from observability.metrics.api_metrics import ApiMetrics
from observability.metrics.census import CensusReadings
from observability.metrics.fleet import Fleet, Source
from observability.metrics.instruments import Instruments
from observability.metrics.page import MetricsPage
from observability.metrics.process_gauges import ROUND_SECONDS, ProcessGauges
from resilience.circuit.circuits import DEFAULT_PREFIX
from tasks.dispatch import Rounds

ANSWER_SECONDS = 1.0
"""How long Redis may take for one reading of a scrape."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What measures, what tells it, and what looks at the process now and then; it is not started yet."""

    metrics: ApiMetrics
    page: MetricsPage
    rounds: Rounds


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """Where an API process measures, if it does: else nothing is hooked in, and there is no page."""

    measured: Measured | None
    port: int | None

    def watch_requests(self, app: Flask) -> None:
        """Register before all that answers requests, and after the times of requests."""
        if self.measured:
            add_request_metrics(app, self.measured.metrics, time.monotonic)

    def watch_stream(self) -> StreamWatch:
        """Of a stream that begins as the answer to the request at hand."""
        return StreamTimes(self.measured.metrics, time.monotonic) if self.measured else Unmeasured()

    @property
    def cache_asked(self) -> Callable[[bool], None] | None:
        return self.measured.metrics.cache_asked if self.measured else None

    def blueprints(self) -> list[Blueprint]:
        return [metrics_blueprint(self.measured.page)] if self.measured else []

    def open_port(self, app: Flask) -> None:
        """Tell the page on a port of its own too, where there is one; register after all other middleware."""
        if self.measured and self.port is not None:
            app.wsgi_app = MetricsPort(app.wsgi_app, self.port, self.measured.page)  # type: ignore[method-assign]

    def start(self) -> None:
        if self.measured:
            self.measured.rounds.start()

    def stop(self) -> None:
        if self.measured:
            self.measured.rounds.stop()


def make_measuring(settings: ApiSettings, catalog: Catalog, gate: ModelGate, *, folder: str | None) -> Measuring:
    """With the other processes of the server that share the *folder*; nothing of it connects before it is used."""
    if not settings.metrics.are_on:
        return Measuring(measured=None, port=None)
    instruments = Instruments(Path(folder) if folder else None)
    metrics = ApiMetrics(instruments, clock=time.monotonic)
    process = ProcessGauges(instruments, cores=1)
    client = connect(
        settings.redis_url, max_connections=1, socket_timeout_seconds=ANSWER_SECONDS, wait_seconds=ANSWER_SECONDS
    )
    fleet = Fleet(sources=_sources(client, catalog, gate), clock=time.monotonic)
    page = MetricsPage(instruments=instruments, others=(metrics, fleet))
    rounds = Rounds("metrics", process.measure, lambda: ROUND_SECONDS)
    return Measuring(measured=Measured(metrics=metrics, page=page, rounds=rounds), port=settings.metrics.port)


def _sources(client: redis.Redis, catalog: Catalog, gate: ModelGate) -> list[Source]:
    """What is read of all processes together."""
    prefixes = {"model": DEFAULT_PREFIX, "receiver": Keys().name(RECEIVERS)}
    return [
        CensusReadings(take=JobStore(client).census, models=list(catalog.models), circuit_of=gate.state),
        CircuitTrips(client=client, prefixes=prefixes),
    ]

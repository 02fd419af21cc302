"""What a worker, a sender or a runner measures, and the port where it tells it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import psutil

from jobs.events import Listener
from observability.metrics.attempt_metrics import AttemptMetrics
from observability.metrics.celery_metrics import CeleryMetrics
from observability.metrics.delivery_metrics import DeliveryMetrics
from observability.metrics.instruments import Instruments
from observability.metrics.part_metrics import PartMetrics
from observability.metrics.port import open_port
from observability.metrics.process_gauges import ROUND_SECONDS, ProcessGauges
from observability.metrics.settings import MetricsSettings
from observability.metrics.step_occupancy import StepOccupancy
from tasks.rounds import Rounds
from tasks.task_signals import connect_signals

Listeners = tuple[Listener, ...]


class Measuring:
    """Without a port nothing is measured: nobody could read it, and it costs nothing."""

    def __init__(self, settings: MetricsSettings) -> None:
        """Raises PortTaken."""
        self._instruments: Instruments | None = None
        if not settings.are_on or settings.port is None:
            return
        self._instruments = instruments = Instruments()
        process = ProcessGauges(instruments, cores=psutil.cpu_count() or 1)
        connect_signals(CeleryMetrics(instruments))
        self._close_port = open_port(instruments, settings.host, settings.port)
        self._rounds = Rounds("metrics", process.measure, lambda: ROUND_SECONDS)
        self._rounds.start()

    def attempts(self, *, model: str) -> Listeners:
        """Whom a worker tells of its attempts."""
        return (AttemptMetrics(self._instruments, model=model).listen,) if self._instruments else ()

    def steps(self, steps_by_rows: Callable[[], Sequence[int]], *, slots: int, model: str) -> None:
        """Tell how full the steps of an engine are, if it knows steps."""
        if self._instruments and steps_by_rows():
            self._instruments.registry.register(StepOccupancy(steps_by_rows=steps_by_rows, slots=slots, model=model))

    def deliveries(self) -> Listeners:
        """Whom a sender tells of its attempts."""
        return (DeliveryMetrics(self._instruments).listen,) if self._instruments else ()

    def parts(self) -> Listeners:
        """Whom a runner tells of the parts that it commits."""
        return (PartMetrics(self._instruments).listen,) if self._instruments else ()

    def close(self) -> None:
        """Tell no more."""
        if self._instruments:
            self._rounds.stop()
            self._close_port()

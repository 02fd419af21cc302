"""Instruments of prometheus_client, made from the catalogue."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from observability.metrics.metric import Joined, Metric


class Instruments:
    """What one process measures with; each metric is made once.

    Where several processes stand behind one page they share a *folder*: that of `shared_folder.VARIABLE`, which must
    have been set before prometheus_client was imported.
    """

    def __init__(self, folder: Path | None = None) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.folder = folder
        self.registry = CollectorRegistry()

    def counter(self, metric: Metric) -> Counter:
        return Counter(metric.name, metric.help, metric.label_names, registry=self.registry)

    def gauge(self, metric: Metric) -> Gauge:
        return Gauge(
            metric.name,
            metric.help,
            metric.label_names,
            registry=self.registry,
            multiprocess_mode="livemax" if metric.joined is Joined.MAX else "livesum",
        )

    def histogram(self, metric: Metric) -> Histogram:
        return Histogram(metric.name, metric.help, metric.label_names, registry=self.registry, buckets=metric.buckets)

"""All metrics there are."""

from __future__ import annotations

from observability.metrics.api_catalogue import API_METRICS
from observability.metrics.census_catalogue import CENSUS_METRICS
from observability.metrics.fleet_catalogue import FLEET_METRICS
from observability.metrics.metric import Metric, Page
from observability.metrics.process_catalogue import PROCESS_METRICS
from observability.metrics.worker_catalogue import WORKER_METRICS

CATALOGUE = (*API_METRICS, *FLEET_METRICS, *CENSUS_METRICS, *WORKER_METRICS, *PROCESS_METRICS)


def metrics_of(page: Page) -> tuple[Metric, ...]:
    """Those that a page tells."""
    return tuple(metric for metric in CATALOGUE if page in metric.pages)

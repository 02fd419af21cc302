"""Metrics that each process has of itself."""

from __future__ import annotations

from observability.metrics.metric import Joined, Kind, Metric, Page

_OF_ALL = tuple(Page)

CPU = Metric(
    name="process_cpu_percent",
    kind=Kind.GAUGE,
    help="CPU time over the last seconds as a percentage of what the process can use: for the API of one core, on "
    "which each of its processes runs, and the busiest of them is told; for others of all cores.",
    pages=_OF_ALL,
    unit="percent",
    joined=Joined.MAX,
)
MEMORY = Metric(
    name="process_memory_bytes",
    kind=Kind.GAUGE,
    help="Resident memory; for the API of all its processes together, which count what they share each for itself.",
    pages=_OF_ALL,
    unit="bytes",
)
UPTIME = Metric(
    name="process_uptime_seconds",
    kind=Kind.GAUGE,
    help="Time since the process began; for the API since the oldest of its processes did.",
    pages=_OF_ALL,
    unit="seconds",
    joined=Joined.MAX,
)

PROCESS_METRICS = (CPU, MEMORY, UPTIME)

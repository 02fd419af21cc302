"""Every section, in the order of the page."""

from __future__ import annotations

from scripts.benchmark.section import Section
from scripts.benchmark.sections import (
    batches,
    cache,
    engine,
    fairness,
    latency,
    limits,
    memory,
    overhead,
    overload,
    settings,
    streams,
    through,
    webhooks,
)

SECTIONS: tuple[Section, ...] = (
    engine.SECTION,
    through.SECTION,
    overhead.SECTION,
    latency.SECTION,
    fairness.SECTION,
    streams.SECTION,
    webhooks.SECTION,
    limits.SECTION,
    cache.SECTION,
    overload.SECTION,
    batches.SECTION,
    memory.SECTION,
    settings.SECTION,
)


def section(name: str) -> Section:
    """The section called *name*. Raises KeyError."""
    return {one.name: one for one in SECTIONS}[name]

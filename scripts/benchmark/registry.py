"""Every section, in the order of the page."""

from __future__ import annotations

from scripts.benchmark.section import Section
from scripts.benchmark.sections import engine, memory, overhead

SECTIONS: tuple[Section, ...] = (engine.SECTION, memory.SECTION, overhead.SECTION)


def section(name: str) -> Section:
    """The section called *name*. Raises KeyError."""
    return {one.name: one for one in SECTIONS}[name]

"""The page that Prometheus reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from observability.metrics.instruments import Instruments


class Told(NamedTuple):
    """A page in the form that its reader has asked for."""

    text: bytes
    media_type: str


@dataclass(frozen=True, kw_only=True)
class MetricsPage:
    """What the instruments have measured, in all processes that share their folder, and what `others` collect."""

    instruments: Instruments
    others: Sequence[Collector] = ()

    def tell(self, accept: str = "") -> Told:
        """In Prometheus's text format, or in OpenMetrics where the header *accept* has it first."""
        registry = CollectorRegistry()
        folder = self.instruments.folder
        if folder is None:
            registry.register(self.instruments.registry)
        else:
            MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]
        for collector in self.others:
            registry.register(collector)
        encode, media_type = choose_encoder(accept)
        return Told(encode(registry), media_type)

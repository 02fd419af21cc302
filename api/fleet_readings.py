"""What the API reads from the record for its page of metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import redis

from observability.metrics.fleet import Reading
from observability.metrics.fleet_catalogue import CIRCUIT_TRIPS
from resilience.circuit.tripped import count_trips


@dataclass(frozen=True, kw_only=True)
class CircuitTrips:
    """A source for `Fleet`: how often circuits have tripped, by what the catalogue calls those under each prefix."""

    client: redis.Redis
    prefixes: Mapping[str, str]

    def __call__(self) -> Iterator[Reading]:
        for circuit, prefix in self.prefixes.items():
            yield Reading(CIRCUIT_TRIPS, count_trips(self.client, prefix), {"circuit": circuit})

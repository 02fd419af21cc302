"""What is read of the fleet: a scrape goes on whatever a source does."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest

from jobs.errors import StoreUnavailable
from observability.metrics.census_catalogue import QUEUE_DEPTH
from observability.metrics.fleet import PATIENCE_SECONDS, Fleet, Reading, Source
from observability.metrics.fleet_catalogue import CIRCUIT_TRIPS
from tests.observability.metrics.scraped import Scrape


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def depths() -> Iterator[Reading]:
    yield Reading(QUEUE_DEPTH, 3, {"model": "poet"})
    yield Reading(QUEUE_DEPTH, 0, {"model": "clerk"})


def trips() -> Iterator[Reading]:
    yield Reading(CIRCUIT_TRIPS, 7, {"circuit": "model"})


def away() -> Iterator[Reading]:
    yield from depths()
    raise StoreUnavailable("nobody answers")


def broken() -> Iterator[Reading]:
    yield Reading(QUEUE_DEPTH, 1 // 0, {"model": "poet"})


def scraped(*sources: Source, clock: Clock | None = None) -> Scrape:
    registry = CollectorRegistry()
    registry.register(Fleet(sources=sources, clock=clock or Clock()))
    return Scrape(generate_latest(registry).decode())


def test_all_sources_are_told() -> None:
    scrape = scraped(depths, trips)

    assert scrape.value("inference_queue_depth", model="poet") == 3
    assert scrape.value("inference_queue_depth", model="clerk") == 0
    assert scrape.value("circuit_breaker_open_total", circuit="model") == 7
    assert scrape.value("frontier_redis_up") == 1


def test_while_redis_is_away_nothing_of_the_fleet_is_told_by_halves() -> None:
    scrape = scraped(away, trips)

    assert scrape.families.keys() == {"frontier_redis_up"}
    assert scrape.value("frontier_redis_up") == 0


def test_what_takes_too_long_is_not_waited_for() -> None:
    clock = Clock()

    def slow() -> Iterator[Reading]:
        clock.now += 1.01 * PATIENCE_SECONDS
        return depths()

    scrape = scraped(slow, trips, clock=clock)

    assert scrape.families.keys() == {"inference_queue_depth", "frontier_redis_up"}
    assert scrape.value("frontier_redis_up") == 0


def test_a_source_that_fails_is_logged_and_the_others_are_told(log: io.StringIO) -> None:
    scrape = scraped(broken, trips)

    assert scrape.families.keys() == {"circuit_breaker_open_total", "frontier_redis_up"}
    assert scrape.value("frontier_redis_up") == 1
    assert json.loads(log.getvalue().splitlines()[0])["event"] == "metrics_not_read"

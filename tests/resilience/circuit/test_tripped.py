"""The count of trips: each once, whoever saw it."""

from __future__ import annotations

from random import Random

import pytest
from redis import Redis

from jobs.errors import StoreUnavailable
from resilience.circuit.circuits import DEFAULT_PREFIX, Circuits
from resilience.circuit.permit import Outcome, Permit, State
from resilience.circuit.settings import CircuitSettings
from resilience.circuit.tripped import count_trips
from tests.redis_process import RedisProcess

KEY = "model:poet"
SETTINGS = CircuitSettings(failure_threshold=3)


def permit_of(circuits: Circuits) -> Permit:
    permit = circuits.admit(KEY)
    assert isinstance(permit, Permit)
    return permit


def test_a_trip_counts_once_though_many_processes_see_the_failures(redis_client: Redis) -> None:
    processes = [Circuits(redis_client, SETTINGS, random=Random(seed)) for seed in range(4)]
    permits = [(process, permit_of(process)) for process in processes]
    assert count_trips(redis_client, DEFAULT_PREFIX) == 0

    for process, permit in permits:
        process.record(permit, Outcome.FAILURE, 0.1)

    assert processes[-1].look(KEY).state is State.OPEN
    assert count_trips(redis_client, DEFAULT_PREFIX) == 1


def test_what_an_operator_forces_open_has_not_tripped(redis_client: Redis) -> None:
    circuits = Circuits(redis_client, SETTINGS, random=Random(1))

    circuits.force(KEY, State.OPEN, "operator")

    assert circuits.look(KEY).state is State.OPEN
    assert count_trips(redis_client, DEFAULT_PREFIX) == 0


def test_without_redis_nobody_knows(redis_process: RedisProcess) -> None:
    with Redis.from_url(redis_process.url) as client:
        redis_process.kill()
        with pytest.raises(StoreUnavailable):
            count_trips(client, DEFAULT_PREFIX)

"""Real processes, real threads and the server's own time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from random import Random

import pytest
from redis import Redis

from resilience.circuit.circuits import Circuits
from resilience.circuit.permit import Outcome, Permit, State
from resilience.circuit.settings import CircuitSettings
from tests.resilience.circuit.fleet import KEY, questions
from tests.resilience.circuit.prober import ask
from tests.resilience.circuit.probing import SETTINGS, prober

PATIENCE_SECONDS = 60


def until(is_so: Callable[[], bool]) -> None:
    """Wait for a condition, looking again and again."""
    pause = threading.Event()
    for _ in range(PATIENCE_SECONDS * 50):
        if is_so():
            return
        pause.wait(0.02)
    pytest.fail("it never came to be so")


def circuits_of(client: Redis, settings: CircuitSettings = SETTINGS) -> Circuits:
    return Circuits(client, settings, random=Random(1))


def half_open(circuits: Circuits) -> None:
    for _ in range(5):
        permit = circuits.admit(KEY)
        assert isinstance(permit, Permit)
        circuits.record(permit, Outcome.FAILURE, 0.1)
    until(lambda: circuits.look(KEY).state is State.HALF_OPEN)


def test_of_fifty_threads_in_two_processes_as_many_pass_as_there_are_places(
    redis_url: str, redis_client: Redis
) -> None:
    circuits = circuits_of(redis_client)
    with prober(redis_url, KEY, threads=25) as one, prober(redis_url, KEY, threads=25) as other:
        half_open(circuits)
        for process in (one, other):
            process.ask()
        assert int(one.hear()) + int(other.hear()) == SETTINGS.probes
        for process in (one, other):
            process.ask()
        assert int(one.hear()) + int(other.hear()) == 0


def test_fifty_threads_that_probe_and_succeed_at_once_are_no_more_than_there_are_places(redis_client: Redis) -> None:
    circuits = circuits_of(redis_client)
    half_open(circuits)
    probes = []

    def one() -> None:
        told = circuits.admit(KEY)
        if isinstance(told, Permit):
            if told.is_probe:
                probes.append(told)
            circuits.record(told, Outcome.SUCCESS, 0.1)

    threads = [threading.Thread(target=one) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(probes) == SETTINGS.probes
    assert circuits.look(KEY).state is State.CLOSED


def test_threads_that_want_to_know_at_once_ask_once(redis_client: Redis) -> None:
    circuits = Circuits(redis_client, SETTINGS, random=Random(1), clock=lambda: 0.0)
    circuits_of(redis_client).admit(KEY)
    before = questions(redis_client)
    assert len(ask(circuits, KEY, 50)) == 50
    assert questions(redis_client) == before + 1


def test_a_prober_that_is_killed_frees_its_places_and_counts_as_nothing(redis_url: str, redis_client: Redis) -> None:
    circuits = circuits_of(redis_client)
    half_open(circuits)
    with prober(redis_url, KEY, threads=10, lease_seconds=4) as process:
        process.ask()
        assert int(process.hear()) == SETTINGS.probes
        process.kill()
    until(lambda: circuits.states()[0].probes.lost == SETTINGS.probes)
    assert circuits.look(KEY).room == SETTINGS.probes
    [state] = circuits.states()
    assert (state.state, state.failed, state.opened) == (State.HALF_OPEN, 5, 1)


def test_calls_that_end_at_once_are_all_counted(redis_client: Redis) -> None:
    circuits = circuits_of(redis_client, CircuitSettings(failure_threshold=1000, forget_seconds=3600))
    permits = [circuits.admit(KEY) for _ in range(320)]
    barrier = threading.Barrier(32)

    def end(share: list[Permit]) -> None:
        barrier.wait()
        for index, permit in enumerate(share):
            circuits.record(permit, Outcome.FAILURE if index % 2 else Outcome.SUCCESS, 0.1)

    shares = [[one for one in permits[start::32] if isinstance(one, Permit)] for start in range(32)]
    threads = [threading.Thread(target=end, args=[share]) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [state] = circuits.states()
    assert (state.succeeded, state.failed) == (160, 160)


def test_what_nobody_uses_is_forgotten_but_not_an_operator_s_word(redis_client: Redis) -> None:
    circuits = circuits_of(redis_client, CircuitSettings(window_seconds=0.1, open_seconds=0.1, forget_seconds=0.2))
    for key in ("used", "held"):
        for _ in range(5):
            circuits.record(Permit(key, 0), Outcome.FAILURE, 0.1)
    circuits.force("held", State.CLOSED, "alice")
    until(lambda: not redis_client.exists("frontier:circuit:state:used", "frontier:circuit:window:used"))
    assert [state.key for state in circuits.states()] == ["held"]
    circuits.force("held", None, "alice")
    until(lambda: not redis_client.exists("frontier:circuit:state:held"))
    assert circuits.states() == []
    circuits.record(Permit("new", 0), Outcome.SUCCESS, 0.1)
    assert redis_client.zrange("frontier:circuit:keys", 0, -1) == [b"new"]
    assert [one.by for one in circuits.audit("held")] == ["alice", "alice"]
    assert redis_client.ttl("frontier:circuit:audit:held") > 0

"""A server that is killed and started again; the processes' times are the test's, those of the server are real."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from redis import Redis, ResponseError

from jobs.connection import connect
from jobs.errors import StoreUnavailable
from resilience.circuit.permit import Refused, State
from resilience.circuit.settings import CircuitSettings
from tests.jobs.turned_clock import TurnedClock
from tests.redis_process import RedisProcess
from tests.resilience.circuit.fleet import EPOCH, FAILURE, KEY, SUCCESS, Fleet, Process, questions

SETTINGS = CircuitSettings(jitter=0)
PROBES = SETTINGS.probes
PAUSE = 2.0
"""Longer than any pause between two tries to reach Redis, and than a view is fresh."""

Start = Callable[..., Process]


@pytest.fixture
def start(redis_process: RedisProcess) -> Iterator[Start]:
    clients = []

    def start(settings: CircuitSettings = SETTINGS) -> Process:
        clients.append(connect(redis_process.url))
        return Process(clients[-1], settings, seed=len(clients))

    yield start
    for client in clients:
        client.connection_pool.disconnect()


def wait(*processes: Process, seconds: float = PAUSE) -> None:
    for process in processes:
        process.clock.now += seconds


def test_a_process_alone_judges_by_its_own_calls(start: Start, redis_process: RedisProcess) -> None:
    process, other = start(), start()
    process.call(SUCCESS)
    redis_process.kill()
    process.call(*[FAILURE] * 5)
    assert process.refusal().retry_after_seconds == 60
    other.call(*[SUCCESS] * 20)
    wait(process, seconds=60)
    probes = process.admitted(20)
    assert len(probes) == PROBES
    for probe in probes:
        assert probe.is_probe
        assert process.circuits.renew(probe)
        process.end(probe, SUCCESS)
    assert len(process.admitted(20)) == 20


def test_a_circuit_that_was_open_stays_so_without_redis_and_with_it_again(
    start: Start, redis_process: RedisProcess
) -> None:
    process, other = start(), start()
    process.call(*[FAILURE] * 5)
    other.refusal()
    redis_process.kill()
    wait(process, other)
    for alone in (process, other):
        assert 57 < alone.refusal().retry_after_seconds <= 58
    redis_process.start()
    wait(process, other)
    for together in (process, other):
        assert together.refusal().state is State.OPEN
    [state] = process.circuits.states()
    assert (state.opened, state.half_opened) == (1, 0)


def test_a_circuit_that_an_operator_holds_stays_held_without_redis(start: Start, redis_process: RedisProcess) -> None:
    process = start()
    process.circuits.force(KEY, State.OPEN, "alice")
    redis_process.kill()
    for _ in range(2):
        wait(process, seconds=100_000)
        assert process.refusal().retry_after_seconds == 60


def test_what_was_open_all_the_time_opens_neither_sooner_nor_later_for_it(redis_process: RedisProcess) -> None:
    with TurnedClock.from_url(redis_process.url) as client:
        process = Fleet(client).process()
        process.call(*[FAILURE] * 5)
        wait(process, seconds=10)
        redis_process.kill()
        assert process.refusal().retry_after_seconds == 50
        wait(process, seconds=20)
        redis_process.start()
        client.turn_to((EPOCH + 30) * 1000)
        assert process.refusal() == Refused(State.OPEN, 30)


def test_those_that_come_back_with_open_circuits_probe_together_before_they_trust(
    start: Start, redis_process: RedisProcess
) -> None:
    processes = [start() for _ in range(4)]
    for process in processes:
        process.call(SUCCESS)
    redis_process.kill()
    for process in processes:
        process.call(*[FAILURE] * 5)
    redis_process.start()
    wait(*processes, seconds=61)
    probes = [(process, permit) for process in processes for permit in process.admitted(20)]
    assert len(probes) == PROBES
    assert processes[0].circuits.look(KEY).state is State.HALF_OPEN
    for process, permit in probes:
        process.end(permit, SUCCESS)
    wait(*processes)
    assert [len(process.admitted(20)) for process in processes] == [20] * 4


def test_one_that_comes_back_late_doubts_nothing_that_others_have_settled(
    start: Start, redis_process: RedisProcess
) -> None:
    first, late = start(), start()
    redis_process.kill()
    for process in (first, late):
        process.call(*[FAILURE] * 5)
    redis_process.start()
    wait(first, late, seconds=61)
    first.call(*[SUCCESS] * PROBES)
    assert len(late.admitted(20)) == 20


def test_one_that_has_come_back_answers_from_memory_again(start: Start, redis_process: RedisProcess) -> None:
    process = start()
    redis_process.kill()
    process.call(SUCCESS)
    redis_process.start()
    wait(process)
    process.permit()
    with Redis.from_url(redis_process.url) as client:
        before = questions(client)
        assert len(process.admitted(20)) == 20
        assert questions(client) == before


def test_who_finds_redis_away_waits_for_nobody_who_still_asks(start: Start, redis_process: RedisProcess) -> None:
    process = start()
    redis_process.kill()
    process.call(SUCCESS)
    with process.circuits._known_of(KEY).asking:
        other = threading.Thread(target=process.call, args=[SUCCESS], daemon=True)
        other.start()
        other.join(60)
        assert not other.is_alive()


def test_refusals_of_which_redis_could_not_be_told_are_told_later(start: Start, redis_process: RedisProcess) -> None:
    process = start()
    process.call(*[FAILURE] * 5)
    for _ in range(3):
        process.refusal()
    redis_process.kill()
    wait(process)
    process.refusal()
    redis_process.start()
    wait(process)
    process.refusal()
    assert [state.rejected for state in process.circuits.states()] == [4]


def test_those_that_come_back_with_closed_circuits_change_nothing(start: Start, redis_process: RedisProcess) -> None:
    process = start()
    process.call(*[FAILURE] * 4)
    redis_process.kill()
    process.call(*[SUCCESS] * 3)
    redis_process.start()
    wait(process)
    process.call(FAILURE)
    [state] = process.circuits.states()
    assert (state.state, state.failures, state.calls) == (State.OPEN, 0, 0), "the five failures of before and after"
    assert (state.succeeded, state.failed) == (3, 5)


def test_permits_outlive_the_server(start: Start, redis_process: RedisProcess) -> None:
    process = start()
    before = process.admitted(5)
    redis_process.kill()
    for permit in before:
        process.end(permit, FAILURE)
    process.refusal()
    wait(process, seconds=60)
    alone = process.admitted(20)
    redis_process.start()
    wait(process)
    for permit in (*alone, *before):
        process.end(permit, FAILURE)
    assert process.circuits.look(KEY).state is State.HALF_OPEN, "nobody but the probes of Redis says what comes now"
    assert len(process.admitted(20)) == PROBES


def test_a_server_that_has_lost_everything_begins_anew(start: Start, redis_process: RedisProcess) -> None:
    process = start()
    process.call(*[FAILURE] * 5)
    with Redis.from_url(redis_process.url) as client:
        client.flushall()
        client.script_flush()
    wait(process)
    process.call(*[SUCCESS] * 3)
    assert process.circuits.look(KEY).room is None


def test_while_redis_is_away_one_call_in_a_second_tries_it(start: Start, redis_process: RedisProcess) -> None:
    process = start()
    redis_process.kill()
    process.call(SUCCESS)
    redis_process.start()
    process.call(*[SUCCESS] * 50)
    assert process.circuits.states() == [], "nobody has tried, though the server is back"
    wait(process)
    process.call(SUCCESS)
    [state] = process.circuits.states()
    assert state.succeeded == 52, "what happened meanwhile is told"


def test_an_error_that_nobody_expects_keeps_no_other_from_trying(start: Start, redis_process: RedisProcess) -> None:
    process = start()
    redis_process.kill()
    process.call(SUCCESS)
    redis_process.start()
    with Redis.from_url(redis_process.url) as client:
        client.set("frontier:circuit:state:of another kind", "")
    wait(process)
    with pytest.raises(ResponseError):
        process.permit("of another kind")
    wait(process)
    process.call(SUCCESS)
    assert [state.succeeded for state in process.circuits.states()] == [2]


def test_operators_and_readers_are_told_that_redis_is_away(start: Start, redis_process: RedisProcess) -> None:
    circuits = start().circuits
    redis_process.kill()
    with pytest.raises(StoreUnavailable):
        circuits.force(KEY, State.OPEN, "alice")
    with pytest.raises(StoreUnavailable):
        circuits.states()
    with pytest.raises(StoreUnavailable):
        circuits.audit(KEY)

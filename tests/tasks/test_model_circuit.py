"""What a worker asks of its model's circuit, and tells it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from threading import Event
from typing import Any, cast

import pytest
from redis import Redis

from jobs.job import JobState
from jobs.usage import UsageReader, day_of
from models.engine import EngineBusy, EngineError, RequestRefused
from models.scripted import Reply
from resilience.circuit.circuit_state import CircuitState
from resilience.circuit.permit import Permit, State
from resilience.circuit.settings import CircuitSettings
from tasks.app import make_app, queue_name
from tasks.dispatch import Dispatcher
from tasks.running import StopReason
from tests.tasks.desk import MODEL, Desk

KEY = f"model:{MODEL}"
AT_ONCE = CircuitSettings(failure_threshold=1, failure_rate=0.01, open_seconds=600, jitter=0)
"""One failure opens it, until the test lets time pass."""

Desks = Callable[..., Desk]
FAILS = Reply(error=EngineError("the model's server failed (HTTP 500)"))
WORKS = Reply("four words are said")


class Switch:
    """A script that does what it was told last."""

    def __init__(self, reply: Reply = WORKS) -> None:
        self.reply = reply

    def __call__(self, _: object) -> Reply:
        return self.reply


def seen(desk: Desk) -> CircuitState:
    desk.circuit.flush()
    [state] = desk.circuits.states(KEY)
    return state


def today(desk: Desk) -> date:
    seconds, _ = cast("Any", desk.client).time()
    return day_of(seconds)


def let_time_pass(desk: Desk) -> None:
    """As if the time for which the circuit opened were over, for whoever asks anew."""
    desk.client.hset(f"frontier:circuit:state:{KEY}", "reopens_at", 1)


def opened(make_desk: Desks, switch: Switch) -> Desk:
    """A desk whose circuit has opened on a job that failed."""
    desk = make_desk(switch, circuit=AT_ONCE)
    switch.reply = FAILS
    desk.attempts.run(desk.submit())
    switch.reply = WORKS
    assert desk.circuits.look(KEY).state is State.OPEN
    return desk


@pytest.mark.parametrize(
    ("reply", "counted"),
    [
        (WORKS, "succeeded"),
        (FAILS, "failed"),
        (Reply(error=RequestRefused("no", code="upstream_refused", field="input")), "ignored"),
        (Reply(error=RequestRefused("no", code="content_filtered", field="input")), "ignored"),
        (Reply(error=EngineBusy("later", retry_after_seconds=60)), "ignored"),
    ],
)
def test_what_counts_is_how_the_engine_ended_it(make_desk: Desks, reply: Reply, counted: str) -> None:
    desk = make_desk(Switch(reply))
    desk.attempts.run(desk.submit())
    state = seen(desk)
    assert {name: getattr(state, name) for name in ("succeeded", "failed", "ignored")} == {
        name: int(name == counted) for name in ("succeeded", "failed", "ignored")
    }


@pytest.mark.parametrize("reason", list(StopReason))
def test_an_attempt_that_was_stopped_says_nothing_of_its_model(make_desk: Desks, reason: StopReason) -> None:
    desk = make_desk(lambda _: Reply("so", released=Event()))
    job_id = desk.submit()
    with ThreadPoolExecutor(1) as thread:
        ended = thread.submit(desk.attempts.run, job_id)
        desk.running.stop(desk.wait_for_attempt(), reason)
        ended.result(timeout=60)
    state = seen(desk)
    assert (state.succeeded, state.failed, state.ignored) == (0, 0, 1)


def test_an_error_that_nobody_thought_of_counts_against_the_model(make_desk: Desks) -> None:
    def breaks(_: object) -> Reply:
        raise RuntimeError("never thought of")

    desk = make_desk(breaks)
    desk.attempts.run(desk.submit())
    assert seen(desk).failed == 1


def test_attempts_that_went_well_are_told_together(make_desk: Desks) -> None:
    desk = make_desk()
    for _ in range(5):
        desk.attempts.run(desk.submit())
    before = _calls(desk.client)
    state = seen(desk)
    assert (state.succeeded, state.calls) == (5, 5)
    assert _calls(desk.client) - before <= 2, "one to record, one to look"


def test_a_failure_is_told_behind_what_went_well_before_it(make_desk: Desks) -> None:
    switch = Switch()
    desk = make_desk(switch, circuit=CircuitSettings(failure_threshold=1, failure_rate=0.5))
    for _ in range(2):
        desk.attempts.run(desk.submit())
    switch.reply = FAILS
    desk.attempts.run(desk.submit())
    assert seen(desk).state is State.CLOSED, "one of three is less than half"


def test_while_it_is_open_a_job_goes_back_to_its_place_and_no_attempt_is_counted(make_desk: Desks) -> None:
    switch = Switch()
    desk = make_desk(switch, circuit=AT_ONCE)
    first, second = desk.submit(), desk.submit()
    switch.reply = FAILS
    desk.attempts.run(desk.submit())
    switch.reply = WORKS
    assert [desk.attempts.run(job_id) for job_id in (first, second)] == ["circuit open"] * 2
    jobs = [desk.find(job_id) for job_id in (first, second)]
    assert [(job.state, job.attempt, job.failures, job.lost_leases) for job in jobs] == [(JobState.QUEUED, 0, 0, 0)] * 2
    assert desk.store.dispatch(MODEL) == [first, second], "in their old order"


def test_nothing_is_dispatched_while_it_is_open(make_desk: Desks, redis_url: str) -> None:
    desk = opened(make_desk, Switch())
    dispatcher = Dispatcher(desk.store, make_app(redis_url), desk.circuits)
    desk.store.put_back(desk.submit(), model=MODEL)
    assert dispatcher.dispatch(MODEL) == 0
    assert desk.client.llen(queue_name(MODEL)) == 0
    desk.circuits.force(KEY, State.CLOSED, "operator")
    assert dispatcher.dispatch(MODEL) == 1


def test_as_many_are_dispatched_to_a_half_open_one_as_may_be_tried_whoever_dispatches(
    make_desk: Desks, redis_url: str
) -> None:
    desk = opened(make_desk, Switch())
    desk.store.heartbeat("w2", model=MODEL, slots=50, instance="h/2/2")
    ids = [desk.submit() for _ in range(20)]
    for job_id in ids:
        desk.store.put_back(job_id, model=MODEL)
    let_time_pass(desk)
    app = make_app(redis_url)
    moved = [Dispatcher(desk.store, app, desk.circuits).dispatch(MODEL) for _ in range(3)]
    assert sum(moved) == AT_ONCE.probes
    attempts = replace(desk.attempts, refill=lambda: None)
    assert {attempts.run(job_id) for job_id in ids[:3]} == {"ok: succeeded"}
    assert seen(desk).state is State.CLOSED
    assert Dispatcher(desk.store, app, desk.circuits).dispatch(MODEL) == 17, "the queue flows at once"


def test_a_probe_that_fails_costs_its_job_nothing_and_lets_others_go_first(make_desk: Desks) -> None:
    switch = Switch()
    desk = opened(make_desk, switch)
    probe = desk.submit()
    let_time_pass(desk)
    switch.reply = FAILS
    assert desk.attempts.run(probe) == "postponed"
    job, state = desk.find(probe), seen(desk)
    assert (job.state, job.attempt, job.failures, job.error) == (JobState.QUEUED, 0, 0, None)
    assert (state.state, state.trips_in_a_row, state.probes.failed) == (State.OPEN, 2, 1)
    assert job.not_before is not None
    assert state.reopens_at is not None
    assert job.not_before > state.reopens_at


def test_what_a_probe_that_fails_has_generated_is_told_as_wasted(make_desk: Desks) -> None:
    switch = Switch()
    desk = opened(make_desk, switch)
    probe = desk.submit()
    let_time_pass(desk)
    switch.reply = Reply("two words", error=FAILS.error)
    assert desk.attempts.run(probe) == "postponed"
    desk.store.cancel("default", probe)

    job = desk.find(probe)
    assert (job.attempt, job.usage.wasted_tokens, job.usage.completion_tokens) == (0, 2, 0)
    rows = UsageReader(desk.client).rows(today(desk), today(desk), tenant="default")
    [used] = [row.used.usage for row in rows if row.outcome == "cancelled"]
    assert used == job.usage


def test_a_message_that_asks_for_nothing_leaves_the_place_of_its_probe_to_others(make_desk: Desks) -> None:
    desk = opened(make_desk, Switch())
    let_time_pass(desk)
    for _ in range(2 * AT_ONCE.probes):
        assert desk.attempts.run("job_of_nobody") == "skipped"
    state = seen(desk)
    assert (state.probes.running, state.probes.ignored, state.ignored) == (0, 0, 0)
    assert desk.attempts.run(desk.submit()) == "ok: succeeded"


def test_a_claim_that_breaks_leaves_the_place_of_its_probe_to_others(make_desk: Desks) -> None:
    desk = opened(make_desk, Switch())
    let_time_pass(desk)
    desk.client.set(f"frontier:m:{MODEL}:window", "no hash")
    with pytest.raises(Exception, match="WRONGTYPE"):
        desk.attempts.run("job_of_nobody")
    desk.client.delete(f"frontier:m:{MODEL}:window")
    assert seen(desk).probes.running == 0


def test_a_long_probe_keeps_its_place_while_it_runs(make_desk: Desks) -> None:
    switch, release = Switch(), Event()
    desk = opened(make_desk, switch)
    let_time_pass(desk)
    switch.reply = Reply("so it goes", released=release)
    desk.started.clear()
    job_id = desk.submit()
    with ThreadPoolExecutor(1) as thread:
        ended = thread.submit(desk.attempts.run, job_id)
        desk.wait_for_attempt()
        ends = _ends_of_probes(desk, earlier_ms=20_000)
        desk.circuit.renew()
        renewed = _ends_of_probes(desk)
        release.set()
        assert ended.result(timeout=60) == "ok: succeeded"
    assert len(ends) == len(renewed) == 1
    assert renewed[0] > ends[0] + 10_000
    assert seen(desk).probes.succeeded == 1
    desk.circuit.renew()
    assert seen(desk).probes.running == 0, "what has ended is renewed no more"


def test_a_worker_that_has_seen_a_circuit_without_room_asks_again_when_a_message_comes(make_desk: Desks) -> None:
    desk = opened(make_desk, Switch())
    job_id = desk.submit()
    other = make_desk()
    other.circuits.force(KEY, State.CLOSED, "operator")
    assert isinstance(desk.circuit.permit(), Permit)
    assert desk.attempts.run(job_id) == "ok: succeeded"


def _ends_of_probes(desk: Desk, *, earlier_ms: int = 0) -> list[float]:
    """When the leases of probes end, ms; first each is made to end so much earlier."""
    key = f"frontier:circuit:probes:{KEY}"
    probes: Any = desk.client.zrange(key, 0, -1)
    ends: list[Any] = [desk.client.zincrby(key, -earlier_ms, probe) for probe in probes]
    return [float(one) for one in ends]


def _calls(client: Redis) -> int:
    stats: Any = client.info("commandstats")
    return sum(stats.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("evalsha", "eval"))

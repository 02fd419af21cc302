from __future__ import annotations

import pytest

from resilience.circuit.circuits import Circuits
from resilience.circuit.permit import Outcome, Permit, State
from resilience.circuit.settings import CircuitSettings
from tests.jobs.turned_clock import TurnedClock
from tests.resilience.circuit.fleet import EPOCH, FAILURE, IGNORED, KEY, SUCCESS, Fleet, Process, questions

PROBES = CircuitSettings().probes


def state_of(process: Process, key: str = KEY) -> State:
    return process.circuits.look(key).state


def trip(process: Process, key: str = KEY) -> None:
    process.call(*[FAILURE] * 5, key=key)
    assert state_of(process, key) is State.OPEN


# --- what trips it


def test_a_steady_half_of_failures_trips(fleet: Fleet) -> None:
    process = fleet.process()
    for _ in range(4):
        process.call(SUCCESS, FAILURE)
        fleet.pass_time(5)
    assert state_of(process) is State.CLOSED, "four failures are too few"
    process.call(SUCCESS, FAILURE)
    assert state_of(process) is State.OPEN


def test_fewer_failures_than_half_never_trip(fleet: Fleet) -> None:
    process = fleet.process()
    for _ in range(30):
        process.call(SUCCESS, SUCCESS, FAILURE)
        fleet.pass_time(1)
    assert state_of(process) is State.CLOSED


def test_failures_that_have_left_the_window_count_no_more(fleet: Fleet) -> None:
    process = fleet.process()
    process.call(*[FAILURE] * 4)
    fleet.pass_time(60)
    process.call(*[FAILURE] * 4)
    assert state_of(process) is State.CLOSED


def test_calls_that_are_slow_trip_though_they_succeed(fleet: Fleet) -> None:
    process = fleet.process(CircuitSettings(slow_seconds=30, slow_rate=0.8, jitter=0))
    process.call(*[SUCCESS] * 4, seconds=30)
    process.call(SUCCESS, seconds=29.9)
    assert state_of(process) is State.CLOSED
    process.call(SUCCESS, seconds=30)
    assert state_of(process) is State.OPEN


def test_what_is_to_be_ignored_neither_trips_nor_makes_up_for_failures(fleet: Fleet) -> None:
    process = fleet.process(CircuitSettings(slow_seconds=1, jitter=0))
    process.call(*[IGNORED] * 20, seconds=9)
    assert state_of(process) is State.CLOSED
    process.call(*[FAILURE] * 5)
    assert state_of(process) is State.OPEN


def test_a_permit_that_was_never_used_counts_as_nothing(fleet: Fleet) -> None:
    process = fleet.process()
    process.admitted(100)
    process.call(FAILURE)
    [state] = process.circuits.states()
    assert (state.permitted, state.calls, state.failure_rate) == (1, 1, 1.0)


@pytest.mark.parametrize(("works", "expected"), [(1, State.OPEN), (3, State.CLOSED)])
def test_a_process_that_always_fails_beside_those_that_work_trips_by_the_rate_of_all(
    fleet: Fleet, works: int, expected: State
) -> None:
    failing, working = fleet.process(), fleet.process()
    for _ in range(5):
        working.call(*[SUCCESS] * works)
        failing.call(FAILURE)
    assert {state_of(failing), state_of(working)} <= {expected, State.CLOSED}
    fleet.pass_time(1)
    assert [state_of(failing), state_of(working)] == [expected, expected]


def test_one_key_s_circuit_is_no_other_s(fleet: Fleet) -> None:
    process = fleet.process()
    trip(process, "receiver:one/we_1")
    assert state_of(process, "receiver:two/we_1") is State.CLOSED
    process.refusal("receiver:one/we_1")
    process.call(SUCCESS, key="receiver:two/we_1")


# --- how it opens and closes


def test_a_refusal_holds_until_it_says_and_no_longer(fleet: Fleet) -> None:
    process, other = fleet.process(), fleet.process()
    trip(process)
    assert process.refusal().retry_after_seconds == 60
    fleet.pass_time(59.5)
    assert other.refusal().retry_after_seconds == 0.5
    assert process.refusal().retry_after_seconds == 0.5
    fleet.pass_time(0.5)
    assert process.permit().is_probe
    assert other.permit().is_probe


def test_each_probe_that_fails_doubles_the_open_time_up_to_its_cap_and_closing_begins_anew(fleet: Fleet) -> None:
    process = fleet.process()
    trip(process)
    waits = []
    for _ in range(6):
        waits.append(process.refusal().retry_after_seconds)
        fleet.pass_time(waits[-1])
        process.call(FAILURE)
    assert waits == [60, 120, 240, 480, 900, 900]
    fleet.pass_time(900)
    process.call(*[SUCCESS] * PROBES)
    assert state_of(process) is State.CLOSED
    trip(process)
    assert process.refusal().retry_after_seconds == 60


def test_open_times_vary_so_that_what_failed_together_is_not_probed_together(fleet: Fleet) -> None:
    waits = set()
    for seed in range(20):
        process = fleet.process(CircuitSettings(jitter=0.1), seed=seed)
        trip(process, f"model:{seed}")
        waits.add(process.refusal(f"model:{seed}").retry_after_seconds)
    assert len(waits) > 1
    assert all(54 <= wait <= 60 for wait in waits)


def test_only_so_many_probes_pass_and_each_success_leaves_fewer_to_come(fleet: Fleet) -> None:
    one, other = fleet.process(), fleet.process()
    trip(one)
    fleet.pass_time(60)
    probes = one.admitted(2) + other.admitted(20)
    assert len(probes) == PROBES
    one.end(probes[0], SUCCESS)
    assert not one.admitted(20)
    for probe in probes[1:]:
        one.end(probe, SUCCESS)
    assert len(one.admitted(20)) == 20
    assert one.circuits.states()[0].probes.succeeded == PROBES


def test_a_probe_that_says_nothing_gives_its_place_back(fleet: Fleet) -> None:
    process = fleet.process()
    trip(process)
    fleet.pass_time(60)
    probes = process.admitted(20)
    process.end(probes[0], IGNORED)
    assert len(process.admitted(20)) == 1


def test_the_place_of_a_lost_probe_comes_back_when_the_refusal_has_said_so(fleet: Fleet) -> None:
    process = fleet.process()
    trip(process)
    fleet.pass_time(60)
    lost = process.admitted(20)
    wait = process.refusal().retry_after_seconds
    assert wait == CircuitSettings().probe_lease_seconds
    fleet.pass_time(wait)
    assert len(process.admitted(20)) == PROBES
    process.end(lost[0], FAILURE)
    assert state_of(process) is State.HALF_OPEN, "it came too late to count"
    assert process.circuits.states()[0].probes.lost == PROBES


def test_a_long_probe_keeps_its_place_while_it_is_renewed(fleet: Fleet) -> None:
    process = fleet.process()
    trip(process)
    fleet.pass_time(60)
    kept, left, _ = process.admitted(20)
    fleet.pass_time(20)
    assert process.circuits.renew(kept)
    fleet.pass_time(20)
    assert process.circuits.renew(kept)
    assert not process.circuits.renew(left)
    assert len(process.admitted(20)) == PROBES - 1


def test_probes_that_are_all_slow_open_the_circuit_again(fleet: Fleet) -> None:
    process = fleet.process(CircuitSettings(slow_seconds=1, jitter=0))
    trip(process)
    fleet.pass_time(60)
    process.call(*[SUCCESS] * PROBES, seconds=2)
    assert process.refusal().retry_after_seconds == 120


def test_what_began_before_a_move_says_nothing_after_it(fleet: Fleet) -> None:
    process = fleet.process()
    old = process.admitted(20)
    trip(process)
    fleet.pass_time(60)
    process.call(*[SUCCESS] * PROBES)
    for permit in old:
        process.end(permit, FAILURE)
    assert state_of(process) is State.CLOSED


def test_a_question_that_was_repeated_takes_one_place(fleet: Fleet) -> None:
    process = fleet.process()
    trip(process)
    fleet.pass_time(60)
    ids = ["repeated", *map(str, range(1, PROBES)), "one too many", "repeated"]
    told = [process.circuits._shared.admit(KEY, probe_id, {}).is_probe for probe_id in ids]
    assert told == [True] * PROBES + [False, True]


def test_a_server_that_lost_its_last_writes_takes_no_old_permit_for_one_of_its_own(
    fleet: Fleet, turned_clock: TurnedClock
) -> None:
    process = fleet.process()

    def trip_and_close() -> None:
        trip(process)
        fleet.pass_time(60)
        process.call(*[SUCCESS] * PROBES)

    trip_and_close()
    old = process.admitted(5)
    turned_clock.flushall()
    fleet.pass_time(1)
    trip_and_close()
    for permit in old:
        process.end(permit, FAILURE)
    assert (state_of(process), process.circuits.states()[0].calls) == (State.CLOSED, 0)


# --- what a caller can know beforehand


def test_a_look_says_how_many_may_start_and_takes_nothing(fleet: Fleet) -> None:
    process = fleet.process()
    assert process.circuits.look(KEY).room is None
    trip(process)
    assert process.circuits.look(KEY).room == 0
    fleet.pass_time(60)
    assert [process.circuits.look(KEY).room for _ in range(3)] == [PROBES] * 3
    process.permit()
    assert process.circuits.look(KEY).room == PROBES - 1


def test_within_a_second_callers_are_answered_without_a_question(fleet: Fleet, turned_clock: TurnedClock) -> None:
    process, other = fleet.process(), fleet.process()
    other.permit()
    trip(process)
    asked = questions(turned_clock)
    assert len(other.admitted(100)) == 100, "this process has seen it closed a moment ago"
    for _ in range(100):
        process.refusal()
    assert questions(turned_clock) == asked
    fleet.pass_time(1)
    assert not other.admitted(100)
    assert questions(turned_clock) == asked + 1


def test_a_record_is_one_question(fleet: Fleet, turned_clock: TurnedClock) -> None:
    process = fleet.process()
    process.call(SUCCESS)
    asked = questions(turned_clock)
    process.call(SUCCESS, FAILURE)
    assert questions(turned_clock) == asked + 2


def test_a_process_whose_clock_jumps_by_an_hour_goes_on_as_the_others(fleet: Fleet) -> None:
    process, jumpy = fleet.process(), fleet.process()
    trip(process)
    for jump in (3600, -7200, 3600):
        assert jumpy.refusal().retry_after_seconds == 60
        jumpy.clock.now += jump
    fleet.pass_time(60)
    for jump in (-3600, 7200, -3600):
        jumpy.clock.now += jump
        jumpy.end(jumpy.permit(), IGNORED)
    assert len(jumpy.admitted(20)) == PROBES


# --- what operators do and see


def test_an_operator_holds_a_circuit_open_until_it_is_let_go_of(fleet: Fleet) -> None:
    process, other = fleet.process(), fleet.process()
    other.permit()
    process.circuits.force(KEY, State.OPEN, "alice")
    assert process.refusal().retry_after_seconds == 60
    fleet.pass_time(1)
    assert other.refusal().state is State.OPEN
    fleet.pass_time(10_000)
    assert other.refusal().retry_after_seconds == 60
    process.circuits.force(KEY, None, "bob")
    fleet.pass_time(1)
    assert len(other.admitted(20)) == 20


def test_a_circuit_that_is_held_closed_counts_and_does_not_trip(fleet: Fleet) -> None:
    process = fleet.process()
    trip(process)
    process.circuits.force(KEY, State.CLOSED, "alice")
    process.call(*[FAILURE] * 50)
    [state] = process.circuits.states()
    assert (state.state, state.failures, state.trips_in_a_row) == (State.CLOSED, 50, 0)
    process.circuits.force(KEY, None, "alice")
    process.call(*[FAILURE] * 4)
    assert state_of(process) is State.CLOSED, "it begins anew"
    process.call(FAILURE)
    assert state_of(process) is State.OPEN


def test_what_operators_do_is_kept_with_who_and_when_the_last_fifty_times(fleet: Fleet) -> None:
    process = fleet.process()
    process.circuits.force(KEY, State.OPEN, "alice")
    fleet.pass_time(5)
    process.circuits.force(KEY, None, 'Zoë "the" operator')
    told = process.circuits.audit(KEY)
    assert [(one.at, one.by, one.state) for one in told] == [
        (EPOCH + 5, 'Zoë "the" operator', None),
        (EPOCH, "alice", State.OPEN),
    ]
    for number in range(60):
        process.circuits.force(KEY, State.CLOSED, f"operator {number}")
    assert [one.by for one in process.circuits.audit(KEY)] == [f"operator {number}" for number in range(59, 9, -1)]


def test_all_that_happened_is_told(fleet: Fleet) -> None:
    process = fleet.process(CircuitSettings(slow_seconds=1, jitter=0))
    process.call(SUCCESS, SUCCESS, seconds=3)
    process.call(FAILURE, IGNORED)
    [state] = process.circuits.states()
    assert (state.state, state.since, state.reopens_at, state.forcing) == (State.CLOSED, None, None, None)
    assert (state.calls, state.failure_rate, state.slow_rate) == (3, 1 / 3, 2 / 3)
    process.call(*[FAILURE] * 4)
    process.refusal()
    fleet.pass_time(1)
    process.refusal()
    [state] = process.circuits.states()
    assert (state.since, state.reopens_at, state.trips_in_a_row) == (EPOCH, EPOCH + 60, 1)
    assert (state.succeeded, state.failed, state.ignored, state.permitted, state.rejected) == (2, 5, 1, 8, 1)
    fleet.pass_time(99)
    [state] = process.circuits.states()
    assert (state.state, state.since, state.reopens_at) == (State.HALF_OPEN, EPOCH + 60, None)
    process.call(*[SUCCESS] * PROBES)
    [state] = process.circuits.states()
    assert (state.opened, state.half_opened, state.closed, state.rejected) == (1, 1, 1, 2)
    process.circuits.force(KEY, State.OPEN, "alice")
    [state] = process.circuits.states()
    assert state.forcing is not None
    assert (state.forcing.by, state.forcing.at, state.forcing.state) == ("alice", EPOCH + 100, State.OPEN)


def test_circuits_are_listed_by_the_beginning_of_their_keys(fleet: Fleet) -> None:
    process = fleet.process()
    for key in ("model:b", "model:a", "receiver:x"):
        process.call(SUCCESS, key=key)
    process.permit("model:unused")
    assert [state.key for state in process.circuits.states("model:")] == ["model:a", "model:b"]
    assert [state.key for state in process.circuits.states()] == ["model:a", "model:b", "receiver:x"]


@pytest.mark.parametrize("kind", ["*", "?odel", "[m]odel", "model:\\", "odel"])
def test_the_beginning_of_a_key_is_no_pattern(fleet: Fleet, kind: str) -> None:
    process = fleet.process()
    process.call(SUCCESS, key="model:a")
    assert process.circuits.states(kind) == []
    process.call(SUCCESS, key=f"{kind}x")
    assert [state.key for state in process.circuits.states(kind)] == [f"{kind}x"]


# --- what is refused


@pytest.mark.parametrize("key", ["", "x" * 201, "a\nb"])
def test_a_key_is_a_short_line(fleet: Fleet, key: str) -> None:
    with pytest.raises(ValueError, match=r"^key: must be 1 to 200 printable"):
        fleet.process().circuits.admit(key)


def test_a_forcing_names_who_did_it_and_a_state_that_can_be_held(fleet: Fleet) -> None:
    circuits: Circuits = fleet.process().circuits
    with pytest.raises(ValueError, match=r"^by: "):
        circuits.force(KEY, State.OPEN, "")
    with pytest.raises(ValueError, match=r"^state: "):
        circuits.force(KEY, State.HALF_OPEN, "alice")
    assert circuits.states() == []


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_permit_that_is_no_circuit_s_does_no_harm(fleet: Fleet, outcome: Outcome) -> None:
    process = fleet.process()
    for _ in range(10):
        process.end(Permit(KEY, 12345), outcome)
        process.end(Permit(KEY, 12345, "nobody"), outcome)
    assert state_of(process) is State.CLOSED

"""The circuit of Redis, and the one of a process alone, against a plain model of both."""

from __future__ import annotations

from hypothesis import settings as profile
from hypothesis.stateful import run_state_machine_as_test

from tests.jobs.turned_clock import TurnedClock
from tests.resilience.circuit.circuit_machine import CircuitMachine
from tests.resilience.circuit.local_machine import LocalMachine


def test_circuits_of_two_processes_do_what_the_plain_model_of_them_does(turned_clock: TurnedClock) -> None:
    class Machine(CircuitMachine):
        client = turned_clock

    run_state_machine_as_test(Machine, settings=profile())


def test_a_circuit_without_redis_does_what_the_same_plain_model_does() -> None:
    run_state_machine_as_test(LocalMachine, settings=profile())

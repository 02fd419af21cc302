from __future__ import annotations

from random import Random

from resilience.circuit.reach import Reach
from tests.resilience.circuit.fleet import Clock


def test_everybody_asks_until_one_has_failed_and_again_once_one_has_succeeded() -> None:
    clock = Clock()
    reach = Reach(clock, Random(1))
    assert [reach.may_try() for _ in range(3)] == [True] * 3
    reach.lose()
    assert [reach.may_try() for _ in range(3)] == [False] * 3
    clock.now += 1.5
    assert reach.may_try()
    reach.find()
    assert [reach.may_try() for _ in range(3)] == [True] * 3


def test_however_long_a_try_takes_nobody_else_begins_one() -> None:
    clock = Clock()
    reach = Reach(clock, Random(1))
    reach.lose()
    clock.now += 1.5
    assert reach.may_try()
    clock.now += 1000
    assert not reach.may_try()
    reach.lose()
    assert not reach.may_try()
    clock.now += 1.5
    assert reach.may_try()


def test_processes_that_lost_redis_together_do_not_try_it_together() -> None:
    clock = Clock()
    processes = [Reach(clock, Random(seed)) for seed in range(20)]
    for reach in processes:
        reach.lose()
    clock.now += 1
    assert 0 < sum(reach.may_try() for reach in processes) < 20

from __future__ import annotations

from functools import partial
from random import Random

from resilience.reach import Reach
from tests.resilience.circuit.fleet import Clock


def test_everybody_asks_until_one_has_failed_and_again_once_one_has_succeeded() -> None:
    clock = Clock()
    reach = Reach(clock, pause=lambda: 1.0)
    assert [reach.may_ask() for _ in range(3)] == [True] * 3
    assert reach.failed()
    assert [reach.may_ask() for _ in range(3)] == [False] * 3
    clock.now += 1.5
    assert reach.may_ask()
    assert reach.answered()
    assert [reach.may_ask() for _ in range(3)] == [True] * 3


def test_however_long_a_try_takes_nobody_else_begins_one() -> None:
    clock = Clock()
    reach = Reach(clock, pause=lambda: 1.0)
    reach.failed()
    clock.now += 1.5
    assert reach.may_ask()
    clock.now += 1000
    assert not reach.may_ask()
    reach.failed()
    assert not reach.may_ask()
    clock.now += 1.5
    assert reach.may_ask()


def test_processes_that_lost_redis_together_do_not_try_it_together() -> None:
    clock = Clock()
    processes = [Reach(clock, pause=partial(Random(seed).uniform, 0.5, 1.5)) for seed in range(20)]
    for reach in processes:
        reach.failed()
    clock.now += 1
    assert 0 < sum(reach.may_ask() for reach in processes) < 20

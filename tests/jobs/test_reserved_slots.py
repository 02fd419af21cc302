"""Slots that interactive jobs alone enter, and what becomes of them when workers are few."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.job import Priority

MODEL = "m"
INTERACTIVE, STANDARD, BATCH = Priority


def join(bench: Any, *, slots: int, reserved: int, worker: str = "w1") -> None:
    bench.store.heartbeat(worker, model=MODEL, slots=slots, instance=f"{worker}#1", reserved_slots=reserved)


def test_other_jobs_leave_the_reserved_slots_free_and_interactive_ones_take_them(bench: Any) -> None:
    join(bench, slots=4, reserved=2)
    others = [bench.accept(priority=priority) for priority in (STANDARD, BATCH) * 4]
    entered = bench.store.dispatch(MODEL)
    assert set(entered) <= set(others)
    assert len(entered) == 2
    interactive = [bench.accept(priority=INTERACTIVE) for _ in range(5)]
    assert bench.store.dispatch(MODEL) == interactive[:4]  # to the brim: two slots, and the margin of two
    assert bench.store.dispatch(MODEL) == []


def test_interactive_jobs_may_be_in_any_slot_and_the_others_share_is_counted_without_them(bench: Any) -> None:
    join(bench, slots=4, reserved=2)
    for _ in range(3):
        bench.accept(priority=INTERACTIVE)
    assert len(bench.store.dispatch(MODEL)) == 3
    others = [bench.accept() for _ in range(4)]
    assert bench.store.dispatch(MODEL) == others[:2]


def test_a_slot_is_free_again_however_its_job_has_left_it(bench: Any) -> None:
    join(bench, slots=3, reserved=2)
    ids = [bench.accept() for _ in range(5)]
    assert bench.store.dispatch(MODEL) == ids[:1]
    bench.store.cancel("default", ids[0])
    assert bench.store.dispatch(MODEL) == ids[1:2]
    bench.store.release(bench.claim(ids[1]))
    assert bench.store.dispatch(MODEL) == ids[1:2]
    bench.claim(ids[1])
    bench.store.rescue_worker("w1")
    join(bench, slots=3, reserved=2)
    assert bench.store.dispatch(MODEL) == ids[1:2]


@pytest.mark.parametrize("reserved", [2, 3, 50])
def test_one_slot_is_left_to_other_jobs_when_workers_have_died(bench: Any, reserved: int) -> None:
    join(bench, slots=2, reserved=reserved)
    ids = [bench.accept() for _ in range(3)]
    assert bench.store.dispatch(MODEL) == ids[:1]
    assert bench.store.dispatch(MODEL) == []


def test_a_submit_is_told_to_dispatch_only_if_its_class_has_room(bench: Any) -> None:
    join(bench, slots=2, reserved=1)
    assert bench.store.accept(bench.new()).can_start is True
    bench.store.dispatch(MODEL)
    assert bench.store.accept(bench.new()).can_start is False
    assert bench.store.accept(bench.new(priority=INTERACTIVE)).can_start is True


def test_the_last_worker_that_speaks_says_how_many_are_reserved(bench: Any) -> None:
    join(bench, slots=4, reserved=3)
    ids = [bench.accept() for _ in range(8)]
    assert len(bench.store.dispatch(MODEL)) == 1
    join(bench, slots=4, reserved=0)
    assert bench.store.dispatch(MODEL) == ids[1:6]

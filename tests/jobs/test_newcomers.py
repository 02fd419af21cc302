"""A tenant that runs nothing enters beside a full window, and goes before what waits in the worker for a slot."""

from __future__ import annotations

from typing import Any

from jobs.job import Priority

MODEL = "m"
SLOTS, MARGIN = 2, 2


def fill(bench: Any, *, more: int = 0) -> list[str]:
    """A neighbour's jobs take the whole window; so many more wait behind it. The ids of those in the window."""
    ids = [bench.accept(tenant="neighbour") for _ in range(SLOTS + MARGIN + more)]
    bench.join(slots=SLOTS)
    assert bench.store.dispatch(MODEL) == ids[: SLOTS + MARGIN]
    return ids[: SLOTS + MARGIN]


def test_a_newcomer_enters_beside_a_full_window(bench: Any) -> None:
    fill(bench, more=5)
    accepted = bench.store.accept(bench.new(tenant="modest"))
    assert accepted.can_start is True
    assert bench.store.dispatch(MODEL) == [accepted.job_id]


def test_a_tenant_that_has_a_job_in_the_window_waits_with_its_next(bench: Any) -> None:
    fill(bench)
    first = bench.accept(tenant="modest")
    assert bench.store.dispatch(MODEL) == [first]
    assert bench.store.accept(bench.new(tenant="modest")).can_start is False
    assert bench.store.dispatch(MODEL) == []
    bench.claim(first)
    assert bench.store.dispatch(MODEL) == []


def test_no_more_newcomers_enter_than_the_margin(bench: Any) -> None:
    fill(bench)
    newcomers = [bench.accept(tenant=f"modest{number}") for number in range(MARGIN + 2)]
    assert bench.store.dispatch(MODEL) == newcomers[:MARGIN]
    assert bench.store.accept(bench.new(tenant="late")).can_start is False


def test_batch_work_is_never_new(bench: Any) -> None:
    fill(bench)
    assert bench.store.accept(bench.new(tenant="modest", priority=Priority.BATCH)).can_start is False
    assert bench.store.dispatch(MODEL) == []


def test_a_newcomer_leaves_reserved_slots_to_interactive_jobs(bench: Any) -> None:
    bench.store.heartbeat("w1", model=MODEL, slots=SLOTS, instance="w1#1", reserved_slots=1)
    first = bench.accept(tenant="neighbour")
    assert bench.store.dispatch(MODEL) == [first]
    assert bench.store.accept(bench.new(tenant="modest")).can_start is False
    assert bench.store.dispatch(MODEL) == []


def test_nobody_is_new_to_a_model_that_is_paused_or_has_no_worker(bench: Any) -> None:
    assert bench.store.accept(bench.new(tenant="modest")).can_start is False
    bench.join(slots=SLOTS)
    bench.store.set_mode(MODEL, "paused")
    assert bench.store.accept(bench.new(tenant="other")).can_start is False
    assert bench.store.dispatch(MODEL) == []


def test_a_lease_goes_first_while_its_tenant_runs_nothing_else(bench: Any) -> None:
    fill(bench)
    modest = bench.accept(tenant="modest")
    bench.store.dispatch(MODEL)
    assert bench.claim(modest).goes_first is True


def test_a_second_lease_of_a_tenant_and_batch_work_do_not_go_first(bench: Any) -> None:
    bench.join(slots=SLOTS)
    first, second = bench.accept(), bench.accept()
    batch = bench.accept(tenant="patient", priority=Priority.BATCH)
    assert set(bench.store.dispatch(MODEL)) == {first, second, batch}
    assert [bench.claim(job_id).goes_first for job_id in (first, second, batch)] == [True, False, False]

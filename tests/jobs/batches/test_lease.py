"""Who may run a batch."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from jobs.batches.batch import BatchLease, BatchStatus
from jobs.errors import BatchLeaseLost
from tests.jobs.batches.conftest import MODEL, TENANT, Desk


def test_a_new_batch_is_due_at_once_until_somebody_has_it(desk: Desk) -> None:
    first, second = desk.accept(), desk.accept(tenant="other")
    assert desk.batches.due(10) == [f"default/{first.id}", f"other/{second.id}"]
    assert desk.batches.due(1) == [f"default/{first.id}"]
    desk.claim(first)
    assert desk.batches.due(10) == [f"other/{second.id}"]


def test_places_go_round_the_tenants_and_to_the_oldest_of_each(desk: Desk) -> None:
    tenants = ["eve", "eve", "eve", "bob", "ann", "bob"]
    refs = []
    for tenant in tenants:
        refs.append(f"{tenant}/{desk.accept(tenant=tenant).id}")
        desk.wait(1)

    assert desk.batches.due(10) == [refs[at] for at in (0, 3, 4, 1, 5, 2)]
    assert desk.batches.due(3) == [refs[at] for at in (0, 3, 4)]
    assert desk.batches.due(10, beside=["eve", "ann", "eve"]) == [refs[at] for at in (3, 4, 5, 0, 1, 2)]


def test_what_only_need_be_ended_goes_before_its_tenant_s_others(desk: Desk) -> None:
    first, cancelled, late = desk.begin(), desk.begin(), desk.begin(window_seconds=50)
    other = desk.accept(tenant="other")
    for lease in (first, cancelled, late):
        assert desk.batches.release(lease)
    desk.wait(50)
    desk.batches.cancel(TENANT, cancelled.batch.id)

    ids = [ref.partition("/")[2] for ref in desk.batches.due(10, beside=[TENANT])]

    assert ids == [late.batch.id, other.id, cancelled.batch.id, first.batch.id]


def test_the_same_id_again_finds_the_batch(desk: Desk) -> None:
    batch = desk.accept(id="batch_x", metadata={"run": "7"})
    lease = desk.claim(batch)
    assert desk.accept(id="batch_x", metadata={"run": "8"}) == lease.batch
    assert desk.try_claim(batch) is None


def test_of_many_claims_at_once_one_gets_the_lease(desk: Desk) -> None:
    batch = desk.accept()
    leases: list[BatchLease | None] = []
    threads = [threading.Thread(target=lambda: leases.append(desk.try_claim(batch))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(lease is not None for lease in leases) == 1


def test_a_lease_that_is_renewed_is_kept_and_tells_the_status(desk: Desk) -> None:
    lease, other = desk.begin(), desk.claim(desk.accept())
    for _ in range(3):
        desk.wait(9)
        assert desk.batches.renew([lease, other]) == [BatchStatus.IN_PROGRESS, BatchStatus.VALIDATING]
        assert desk.batches.due(10) == []
    assert desk.batches.renew([]) == []


def test_a_silent_runner_s_batch_is_due_again(desk: Desk) -> None:
    lease = desk.begin()
    desk.wait(9.999)
    assert desk.try_claim(lease.batch) is None
    desk.wait(0.001)
    second = desk.claim(lease.batch, "r2")
    assert second.token > lease.token
    assert second.batch.status == "in_progress"
    assert desk.batches.renew([lease, second]) == [None, BatchStatus.IN_PROGRESS]


def test_a_runner_that_was_late_goes_on_if_nobody_has_claimed(desk: Desk) -> None:
    lease = desk.begin()
    desk.wait(60)
    assert desk.batches.renew([lease]) == [BatchStatus.IN_PROGRESS]
    assert desk.try_claim(lease.batch) is None


def test_the_batches_of_a_runner_that_is_known_to_be_dead_are_due_at_once(desk: Desk) -> None:
    lost, others = desk.begin(), desk.claim(desk.accept(), "r2")
    released, ended = desk.begin(), desk.begin(lines=0)
    assert desk.batches.release(released, seconds=5)
    assert desk.batches.end(ended, BatchStatus.FAILED)

    assert desk.batches.rescue("r1") == 1

    assert desk.batches.due(10) == [f"{TENANT}/{lost.batch.id}"]
    second = desk.claim(lost.batch, "r3")
    assert desk.batches.renew([lost, second, others]) == [None, BatchStatus.IN_PROGRESS, BatchStatus.VALIDATING]
    assert desk.batches.rescue("r1") == 0


def test_a_runner_that_is_taken_for_dead_goes_on_if_nobody_has_claimed(desk: Desk) -> None:
    lease = desk.begin()
    assert desk.batches.rescue("r1") == 1
    assert desk.commit(lease, desk.run(lease))
    assert desk.batches.renew([lease]) == [BatchStatus.IN_PROGRESS]
    assert desk.try_claim(lease.batch) is None


def test_a_batch_that_was_given_up_is_due_when_its_runner_said(desk: Desk) -> None:
    lease = desk.begin()
    assert desk.batches.release(lease, seconds=5)
    assert desk.try_claim(lease.batch) is None
    desk.wait(5)
    assert desk.claim(lease.batch, "r2").token > lease.token
    assert not desk.batches.release(lease)
    assert desk.batches.renew([lease]) == [None]


@pytest.mark.parametrize(
    "move",
    [
        lambda desk, lease: desk.batches.validated(lease, total=1, model=MODEL, order_name="order"),
        lambda desk, lease: desk.batches.pass_over(lease, position=1, job_id="job_x", why=b"too long"),
        lambda desk, lease: desk.commit(lease, desk.ended(lease)),
        lambda desk, lease: desk.batches.wait_for(lease, "room"),
        lambda desk, lease: desk.batches.finalize(lease),
        lambda desk, lease: desk.batches.end(lease, BatchStatus.EXPIRED),
        lambda desk, lease: desk.batches.release(lease),
    ],
    ids=["validated", "pass_over", "commit", "wait_for", "finalize", "end", "release"],
)
def test_a_superseded_runner_changes_nothing(desk: Desk, move: Callable[[Desk, BatchLease], bool]) -> None:
    zombie = desk.begin(lines=2)
    desk.run(zombie)
    second = desk.take_over(zombie)
    before = desk.find(second), desk.ended(second)
    assert move(desk, zombie) is False
    assert (desk.find(second), desk.ended(second)) == before


def test_a_superseded_runner_submits_no_line(desk: Desk) -> None:
    zombie = desk.begin()
    second = desk.take_over(zombie)
    with pytest.raises(BatchLeaseLost):
        desk.submit(zombie)
    assert desk.batches.open_lines(second) == []
    assert desk.find(second).position == 0


def test_what_a_newer_release_wrote_is_left_alone(desk: Desk) -> None:
    lease = desk.begin()
    key = f"frontier:t:default:batch:{lease.batch.id}"
    desk.client.hset(key, "schema", 99)
    before: Any = desk.client.hgetall(key)
    assert desk.batches.renew([lease]) == [None]
    assert not desk.batches.release(lease)
    desk.wait(60)
    assert desk.try_claim(lease.batch) is None
    with pytest.raises(BatchLeaseLost):
        desk.submit(lease)
    assert desk.client.hgetall(key) == before

"""A batch whose runs end badly again and again is given up, and takes no other one with it."""

from __future__ import annotations

import pytest

from jobs.batches.batch import BatchError, BatchLease, BatchStatus
from jobs.batches.errors import LinesLeft
from tests.jobs.batches.conftest import TENANT, Desk

MOST = 5


def lose(desk: Desk, lease: BatchLease, times: int) -> BatchLease:
    """So many runners in a row die soon after their claim; the lease of the next one."""
    for _ in range(times):
        lease = desk.take_over(lease)
    return lease


@pytest.mark.parametrize("is_valid", [False, True])
def test_a_batch_that_takes_its_runners_down_is_given_up(desk: Desk, *, is_valid: bool) -> None:
    lease = desk.begin() if is_valid else desk.claim(desk.accept())
    lease = lose(desk, lease, MOST - 1)
    assert (lease.batch.tries, lease.batch.is_given_up) == (MOST - 1, False)
    lease = lose(desk, lease, 1)
    assert (lease.batch.tries, lease.batch.is_given_up) == (0, True)
    assert lose(desk, lease, 1).batch.tries == 1


def test_a_line_that_is_told_makes_up_for_all_losses(desk: Desk) -> None:
    lease = lose(desk, desk.begin(), MOST - 1)
    assert desk.commit(lease, desk.run(lease))
    assert lose(desk, lease, 1).batch.tries == 1


def test_that_the_input_is_looked_through_makes_up_for_all_losses(desk: Desk) -> None:
    lease = lose(desk, desk.claim(desk.accept()), MOST - 1)
    assert desk.batches.validated(lease, total=3, model="m", order_name="order")
    assert lose(desk, lease, 1).batch.tries == 1


def test_a_runner_that_gives_its_batch_back_is_not_counted(desk: Desk) -> None:
    lease = lose(desk, desk.begin(), MOST - 1)
    for _ in range(3):
        assert desk.batches.release(lease)
        lease = desk.claim(lease.batch)
    assert (lease.batch.tries, lease.batch.is_given_up) == (MOST - 1, False)


def live(desk: Desk, lease: BatchLease, seconds: int) -> None:
    for _ in range(seconds // 5):
        desk.wait(5)
        assert desk.batches.renew([lease]) != [None]


def test_who_was_well_for_a_minute_did_not_die_of_a_batch_that_runs(desk: Desk) -> None:
    running = lose(desk, desk.begin(), MOST - 1)
    live(desk, running, 60)
    assert lose(desk, running, 1).batch.tries == 0


def test_but_of_one_that_is_looked_through(desk: Desk) -> None:
    validating = lose(desk, desk.claim(desk.accept()), MOST - 1)
    live(desk, validating, 60)
    assert lose(desk, validating, 1).batch.is_given_up


def test_a_run_that_fails_is_tried_again_after_a_pause_that_doubles(desk: Desk) -> None:
    lease = desk.begin()
    for tries, pause in enumerate([2, 4, 8, 16], 1):
        assert desk.batches.stumble(lease) == tries
        assert desk.batches.stumble(lease) == 0, "the token is given up"
        desk.wait(pause - 0.001)
        assert desk.try_claim(lease.batch) is None
        desk.wait(0.001)
        lease = desk.claim(lease.batch)
        assert lease.batch.tries == tries
    assert desk.batches.stumble(lease) == 0
    desk.wait(2)
    assert desk.claim(lease.batch).batch.is_given_up


def test_a_runner_holds_one_suspect_at_a_time(desk: Desk) -> None:
    """Of two batches that a runner held when it died, one is to blame."""
    first, second = desk.begin(), desk.begin()
    for _ in range(2):
        desk.wait(10)
        first, second = desk.claim(first.batch), desk.claim(second.batch)
    assert first.batch.is_suspect
    assert second.batch.is_suspect
    desk.wait(10)
    first = desk.claim(first.batch)
    other = desk.accept()
    ref = f"{TENANT}/{second.batch.id}"

    assert desk.batches.claim(ref, "r1", holds_suspect=True) is None

    assert desk.batches.claim(f"{TENANT}/{other.id}", "r1", holds_suspect=True) is not None
    assert desk.batches.due(10) == []
    for _ in range(3):
        first = desk.take_over(first)
        assert desk.batches.claim(ref, "r1", holds_suspect=True) is None
    assert first.batch.is_given_up
    desk.wait(5)
    lease = desk.claim(second.batch)
    assert not lease.batch.is_given_up


def test_of_a_batch_that_is_abandoned_lines_that_have_ended_are_left_untold_and_none_runs(desk: Desk) -> None:
    lease = desk.begin(lines=5)
    assert desk.commit(lease, desk.run(lease))
    desk.run(lease)
    [job_id] = desk.submit(lease)
    errors = (BatchError(code="batch_given_up", message="Enough."),)
    with pytest.raises(LinesLeft):
        desk.batches.end(lease, BatchStatus.FAILED, errors=errors, is_abandoned=True)
    desk.store.cancel(TENANT, job_id)

    assert desk.batches.end(lease, BatchStatus.FAILED, errors=errors, is_abandoned=True)

    batch = desk.find(lease)
    assert (batch.status, batch.completed, batch.errors) == (BatchStatus.FAILED, 1, errors)
    assert batch.output_file_id is not None
    desk.wait(100)
    desk.store.sweep()
    assert not desk.client.keys(f"frontier:t:*:b:{batch.id}:*")
    assert not desk.client.keys("frontier:t:*:job:*")

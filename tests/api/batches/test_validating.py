"""A batch that is cancelled while its input is looked through."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from api.batches.batch_run import BatchRun
from api.batches.validating import LOOK_SECONDS, validate_batch
from jobs.batches.batch import BatchStatus
from jobs.batches.ids import batch_folder
from tests.api.batches.conftest import line_of
from tests.api.batches.run_room import TENANT, RunRoom


class CancelledAtItsFirstLine:
    """Draws seeds, one for each line that is looked through, each of which takes a while."""

    def __init__(self, room: RunRoom, batch_id: str) -> None:
        self.drawn = 0
        self._room = room
        self._batch_id = batch_id

    def __call__(self) -> int:
        if not self.drawn:
            self._room.batches.cancel(TENANT, self._batch_id)
        self._room.time += LOOK_SECONDS
        self.drawn += 1
        return 7


@pytest.mark.parametrize("lines", [1, 5000], ids=["all of it is looked through", "most of it is still to come"])
def test_a_batch_that_is_cancelled_while_it_is_looked_through_ends_and_leaves_nothing(
    room: RunRoom, lines: int
) -> None:
    lease = room.to_validate(*(line_of(f"q-{number}") for number in range(lines)))
    draw = CancelledAtItsFirstLine(room, lease.batch.id)
    run = BatchRun(replace(room.work, draw_seed=draw), lease, closing=threading.Event())

    while run._attempt() is not None:
        pass

    assert room.batches.find(TENANT, lease.batch.id).status is BatchStatus.CANCELLED
    assert list(room.storage.names(batch_folder(TENANT, lease.batch.id))) == []
    assert draw.drawn < 1000


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_a_runner_that_has_not_heard_that_its_batch_is_valid_goes_on_all_the_same(
    room: RunRoom, *, is_cancelled: bool
) -> None:
    """The store was away when it was to answer."""
    lease = room.to_validate(line_of("q-1"), line_of("q-2"))
    run = BatchRun(room.work, lease, closing=threading.Event())
    validate_batch(room.work, lease, check=lambda: None)
    if is_cancelled:
        room.batches.cancel(TENANT, lease.batch.id)
        run.run()
        assert room.batches.find(TENANT, lease.batch.id).status is BatchStatus.CANCELLED
        assert {answer["custom_id"] for answer in room.answers(lease, "errors")} == {"q-1", "q-2"}
    else:
        assert run._attempt() is not None
        assert len(room.lines(lease)) == 2

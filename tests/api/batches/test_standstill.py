"""What a batch says whose lines wait for their model."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from api.batches.batch_run import BatchRun
from api.batches.line_feed import LONGEST_WAIT_SECONDS
from api.batches.open_lines import LOOK_SECONDS
from jobs.batches.batch import BatchLease, BatchStatus
from resilience.circuit.keys import key_of_model
from resilience.circuit.permit import State
from tests.api.batches.run_room import TENANT, RunRoom
from tests.api.batches.test_running_lines import numbered
from tests.api.conftest import Worker

Says = Callable[[], str | None]


@pytest.fixture
def lease(room: RunRoom, worker: Worker) -> BatchLease:
    """Three lines for a model that serves."""
    worker.join()
    return room.claimed(*numbered(3))


@pytest.fixture
def says(room: RunRoom, lease: BatchLease) -> Says:
    """What the batch waits for, as of a few seconds later."""
    run = BatchRun(room.work, lease, closing=threading.Event())

    def step() -> str | None:
        run._attempt()
        room.time += LOOK_SECONDS
        run._attempt()
        return room.batches.find(TENANT, lease.batch.id).waiting_for

    return step


def test_while_a_model_is_paused_its_batches_say_so(room: RunRoom, says: Says, lease: BatchLease) -> None:
    assert says() is None
    assert len(room.lines(lease)) == 3, "nothing is left to submit"

    room.jobs.set_mode("poet", "paused")
    assert says() == "poet is paused: none of its jobs starts until it is resumed."
    room.jobs.set_mode("poet", "running")

    assert says() is None


def test_without_a_worker_of_its_model_a_batch_says_so(room: RunRoom, says: Says, worker: Worker) -> None:
    room.jobs.leave("w1", model="poet")
    assert says() == "No worker of poet is alive."
    worker.join()

    assert says() is None


def test_while_a_circuit_is_open_its_batches_say_so(room: RunRoom, says: Says, lease: BatchLease) -> None:
    circuits = room.work.submissions.gate.circuits
    assert says() is None
    assert len(room.lines(lease)) == 3, "nothing is left to submit"

    circuits.force(key_of_model("poet"), State.OPEN, by="me")
    assert says() == "The circuit of poet is open: what waits goes on once the model is tried again and works."
    circuits.force(key_of_model("poet"), None, by="me")

    assert says() is None


def test_while_the_queue_of_its_model_is_full_a_batch_says_so(room: RunRoom, worker: Worker) -> None:
    worker.join(slots=1)
    lease = room.claimed(*numbered(20))
    run = BatchRun(room.work, lease, closing=threading.Event())
    run._attempt()
    told = room.batches.find(TENANT, lease.batch.id).waiting_for
    assert told is not None
    assert "as many as may" in told

    while run._attempt() is not None:
        for job_id in room.lines(lease):
            worker.run(job_id)
        room.time += LONGEST_WAIT_SECONDS

    batch = room.batches.find(TENANT, lease.batch.id)
    assert (batch.status, batch.waiting_for) == (BatchStatus.COMPLETED, None)

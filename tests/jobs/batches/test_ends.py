"""How a batch ends: its moves, its event, its files, and when it is forgotten."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest

from jobs.batches.batch import BATCH_MOVES, BatchError, BatchLease, BatchStatus, BatchUsage, Ending
from jobs.batches.errors import BatchNotFound, LinesLeft
from jobs.errors import NewerRecord
from jobs.files.store import FileStore
from jobs.settings import StoreSettings
from jobs.webhooks.endpoint import NewEndpoint
from jobs.webhooks.endpoints import EndpointStore
from tests.jobs.batches.conftest import EPOCH, MODEL, TENANT, Desk

ENDINGS: list[Ending] = [BatchStatus.COMPLETED, BatchStatus.FAILED, BatchStatus.EXPIRED, BatchStatus.CANCELLED]


def reach(desk: Desk, status: BatchStatus) -> BatchLease:
    """A claimed batch without lines, in that status."""
    if status is BatchStatus.VALIDATING:
        return desk.claim(desk.accept())
    lease = desk.begin(lines=0)
    if status in {BatchStatus.CANCELLING, BatchStatus.CANCELLED}:
        desk.batches.cancel(TENANT, lease.batch.id)
    elif status in {BatchStatus.FINALIZING, BatchStatus.COMPLETED}:
        assert desk.batches.finalize(lease)
    if status in ENDINGS:
        assert desk.batches.end(lease, status)
    return lease


def finished(desk: Desk, **changes: Any) -> BatchLease:
    """A batch with two lines that completed and one that failed, all told."""
    lease = desk.begin(**changes)
    ids = desk.run(lease, 3)
    parts = [desk.part(lease, 2), desk.part(lease, 1, "errors")]
    usage = BatchUsage(prompt_tokens=6, completion_tokens=9, cached_tokens=1)
    assert desk.batches.commit(lease, parts, taken=ids, completed=2, failed=1, usage=usage)
    return lease


@pytest.mark.parametrize(("status", "to"), list(product(BatchStatus, ENDINGS)))
def test_a_batch_ends_as_the_one_table_permits(desk: Desk, status: BatchStatus, to: Ending) -> None:
    lease = reach(desk, status)
    may = to in BATCH_MOVES[status] or to is status
    assert desk.batches.end(lease, to) is may
    assert desk.status(lease) is (to if may else status)


@pytest.mark.parametrize("status", list(BatchStatus))
def test_every_status_but_the_last_can_be_left_and_those_only_once(status: BatchStatus) -> None:
    assert status.is_final is (status in ENDINGS)
    assert status not in BATCH_MOVES[status]


@pytest.mark.parametrize("status", list(BatchStatus))
def test_a_cancel_is_for_what_may_still_run(desk: Desk, status: BatchStatus) -> None:
    lease = reach(desk, status)
    told = desk.batches.cancel(TENANT, lease.batch.id)
    asks = status in {BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS}
    assert told.status is (BatchStatus.CANCELLING if asks else status)
    assert told == desk.batches.cancel(TENANT, lease.batch.id)


def test_a_batch_that_was_cancelled_before_it_was_valid_stays_so(desk: Desk) -> None:
    lease = desk.claim(desk.accept())
    desk.batches.cancel(TENANT, lease.batch.id)
    assert not desk.batches.validated(lease, total=2, model=MODEL, order_name="order")
    assert desk.batches.end(lease, BatchStatus.CANCELLED)
    assert desk.find(lease).total == 0


def test_a_cancel_is_seen_to_at_once_also_where_a_runner_has_put_the_batch_off(desk: Desk) -> None:
    lease, held = desk.begin(), desk.begin()
    assert desk.batches.release(lease, seconds=60)
    for one in (lease, held):
        desk.batches.cancel(TENANT, one.batch.id)
    assert desk.batches.due(10) == [f"{TENANT}/{lease.batch.id}"]


def test_what_nobody_runs_and_has_no_lines_yet_ends_with_its_cancel(desk: Desk) -> None:
    new, released, lost = desk.accept(), desk.claim(desk.accept()), desk.claim(desk.accept())
    assert desk.batches.release(released, seconds=600)
    desk.wait(desk.batches.settings.lease_seconds)
    for batch in (new, released.batch, lost.batch):
        told = desk.batches.cancel(TENANT, batch.id)
        assert (told.status, told.cancelling_at, told.cancelled_at) == (BatchStatus.CANCELLED, desk.now, desk.now)
        assert desk.batches.cancel(TENANT, batch.id) == told
    assert desk.batches.due(10) == []
    assert desk.batches.renew([lost]) == [None]
    assert not desk.batches.validated(lost, total=2, model=MODEL, order_name="order")
    events = desk.events.after(TENANT, None).events
    assert [(event.type, event.subject) for event in events] == [
        ("batch.cancelled", batch.id) for batch in (new, released.batch, lost.batch)
    ]


def test_nobody_cancels_what_is_not_theirs_or_a_newer_release_s(desk: Desk) -> None:
    lease = desk.begin()
    with pytest.raises(BatchNotFound):
        desk.batches.cancel("other", lease.batch.id)
    with pytest.raises(BatchNotFound):
        desk.batches.find("other", lease.batch.id)
    desk.client.hset(f"frontier:t:default:batch:{lease.batch.id}", "schema", 99)
    with pytest.raises(NewerRecord):
        desk.batches.cancel(TENANT, lease.batch.id)


def test_a_batch_with_lines_that_are_not_told_does_not_end(desk: Desk) -> None:
    lease = desk.begin()
    [told] = desk.run(lease)
    assert desk.commit(lease, [told])
    desk.run(lease)
    with pytest.raises(LinesLeft) as left:
        desk.batches.finalize(lease)
    assert left.value.count == 2
    ends: list[tuple[Ending, int]] = [(BatchStatus.EXPIRED, 2), (BatchStatus.FAILED, 1)]
    for status, count in ends:
        with pytest.raises(LinesLeft) as left:
            desk.batches.end(lease, status)
        assert left.value.count == count
    assert desk.status(lease) == "in_progress"


def test_a_completed_batch_is_two_files_and_one_event(desk: Desk) -> None:
    lease = finished(desk, output_kept_seconds=3600)
    desk.wait(1)
    for _ in range(2):
        assert desk.batches.finalize(lease)
    desk.wait(1)
    for _ in range(2):
        assert desk.batches.end(lease, BatchStatus.COMPLETED)
    batch = desk.find(lease)
    assert (batch.in_progress_at, batch.finalizing_at, batch.completed_at) == (EPOCH, EPOCH + 1, EPOCH + 2)
    assert (batch.total, batch.completed, batch.failed) == (3, 2, 1)
    assert batch.usage == BatchUsage(prompt_tokens=6, completion_tokens=9, cached_tokens=1)
    files = FileStore(desk.client)
    output, errors = (files.find(TENANT, file_id or "") for file_id in (batch.output_file_id, batch.error_file_id))
    assert (output.filename, output.bytes, output.expires_at) == (f"{batch.id}_output.jsonl", 20, EPOCH + 3602)
    assert (errors.filename, errors.bytes, errors.purpose) == (f"{batch.id}_error.jsonl", 10, "batch_output")
    assert [part.name for part in files.parts(output)] == [
        part.name for part in desk.batches.parts(TENANT, batch.id, "output")
    ]
    [event] = desk.events.after(TENANT, None).events
    assert (event.type, event.subject, event.detail) == ("batch.completed", batch.id, MODEL)


def test_a_batch_without_output_has_no_file(desk: Desk) -> None:
    lease = reach(desk, BatchStatus.CANCELLED)
    batch = desk.find(lease)
    assert (batch.output_file_id, batch.error_file_id) == (None, None)
    assert [file.purpose for file in FileStore(desk.client).page(TENANT).files] == ["batch"]


def test_what_is_wrong_with_the_input_is_kept(desk: Desk) -> None:
    lease = desk.claim(desk.accept())
    errors = (
        BatchError(code="invalid_json_line", message="This is no JSON.", line=4999),
        BatchError(code="mismatched_model", message="One model.", line=7, param="body.model"),
        BatchError(code="empty_file", message="There is nothing in it."),
    )
    assert desk.batches.end(lease, BatchStatus.FAILED, errors=errors)
    assert desk.find(lease).errors == errors
    assert [event.type for event in desk.events.after(TENANT, None).events] == ["batch.failed"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_each_end_is_told_to_endpoints_that_want_it(desk: Desk, ending: Ending) -> None:
    new = NewEndpoint(
        id="we_1", tenant=TENANT, name="x", url="https://a.example.org/x", event_types=(f"batch.{ending}",)
    )
    EndpointStore(desk.client).create(new, sealed=b"sealed", hint="whsec_...0000")
    lease = reach(desk, ending)
    client: Any = desk.client
    [delivery] = client.zrange(f"frontier:t:{TENANT}:deliveries", 0, -1)
    letter = client.get(f"frontier:t:{TENANT}:letter:{delivery.decode()}")
    body = json.loads(letter.partition(b"\n")[2])
    assert body["type"] == f"batch.{ending}"
    assert body["data"] == {"id": lease.batch.id, "object": "batch", "model": MODEL, "status": str(ending)}


def test_a_batch_that_ended_is_looked_at_by_nobody(desk: Desk) -> None:
    lease = reach(desk, BatchStatus.COMPLETED)
    desk.wait(60)
    assert desk.batches.due(10) == []
    assert desk.try_claim(lease.batch) is None
    assert desk.batches.renew([lease]) == [None]


def test_a_batch_says_what_it_waits_for_until_it_goes_on(desk: Desk) -> None:
    lease = desk.begin(lines=0)
    assert desk.batches.wait_for(lease, "room in the storage")
    assert desk.find(lease).waiting_for == "room in the storage"
    assert desk.batches.wait_for(lease, None)
    assert desk.find(lease).waiting_for is None


def test_batches_are_listed_newest_first_and_of_their_tenant(desk: Desk) -> None:
    ids = []
    for _ in range(5):
        ids.append(desk.accept().id)
        desk.wait(1)
    desk.accept(tenant="other")
    first = desk.batches.page(TENANT, limit=2)
    assert [batch.id for batch in first.batches] == ids[:2:-1]
    rest = desk.batches.page(TENANT, after=first.batches[-1].id, limit=3)
    assert ([batch.id for batch in rest.batches], rest.has_more) == (ids[2::-1], False)
    assert first.has_more
    with pytest.raises(BatchNotFound):
        desk.batches.page(TENANT, after="batch_x")


@pytest.fixture
def settings() -> StoreSettings:
    return StoreSettings(batch_log_seconds=100)


def test_a_batch_is_forgotten_a_while_after_its_end_and_leaves_its_files(desk: Desk) -> None:
    lease, running = finished(desk), desk.begin(lines=0)
    assert desk.batches.finalize(lease)
    assert desk.batches.end(lease, BatchStatus.COMPLETED)
    output = desk.find(lease).output_file_id
    ref = f"{TENANT}/{lease.batch.id}"
    desk.wait(99)
    assert desk.batches.retiring(10) == []
    desk.wait(1)
    assert desk.batches.retiring(10) == [ref]
    assert desk.batches.retiring(10) == [], "somebody has it"
    desk.wait(60)
    assert desk.batches.retiring(10) == [ref]
    assert desk.find(lease).status == "completed"
    assert desk.batches.retire(ref)
    desk.wait(60)
    assert desk.batches.retiring(10) == []
    with pytest.raises(BatchNotFound):
        desk.find(lease)
    assert [batch.id for batch in desk.batches.page(TENANT).batches] == [running.batch.id]
    assert FileStore(desk.client).find(TENANT, output or "").bytes == 20


def test_what_has_not_ended_or_is_a_newer_release_s_is_not_forgotten(desk: Desk) -> None:
    running, newer = desk.begin(), reach(desk, BatchStatus.CANCELLED)
    desk.client.hset(f"frontier:t:{TENANT}:batch:{newer.batch.id}", "schema", 99)
    desk.wait(100)
    assert desk.batches.retiring(10) == []
    for lease in (running, newer):
        assert not desk.batches.retire(f"{TENANT}/{lease.batch.id}")
    assert desk.client.exists(f"frontier:t:{TENANT}:batch:{newer.batch.id}")
    assert desk.find(running) == desk.batches.find(TENANT, running.batch.id)

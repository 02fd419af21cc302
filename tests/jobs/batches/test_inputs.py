"""The input of a batch is there as long as the batch needs it."""

from __future__ import annotations

import threading

import pytest
import redis

from jobs.batches.batch import BatchStatus, NewBatch
from jobs.batches.store import BatchStore
from jobs.files.errors import FileNotFound
from jobs.files.file import NewFile, Purpose
from jobs.files.store import LEFT_ALONE_SECONDS, FileStore
from tests.jobs.batches.conftest import TENANT, Desk
from tests.jobs.input_file import add_input

USES = "frontier:t:default:uses:file-1"


def deleted(desk: Desk) -> list[str]:
    """Whose bytes a sweep would delete."""
    files = FileStore(desk.client)
    due = files.due()
    for doomed in due:
        assert files.forget(doomed)
    return [doomed.id for doomed in due]


def test_the_bytes_of_a_file_that_is_deleted_are_kept_until_the_last_batch_of_it_has_ended(desk: Desk) -> None:
    files = FileStore(desk.client)
    first, second = desk.begin(lines=0), desk.begin(lines=0)
    assert not files.remove(TENANT, "file-1")
    with pytest.raises(FileNotFound):
        files.find(TENANT, "file-1")
    for lease in (first, second):
        desk.wait(LEFT_ALONE_SECONDS)
        assert desk.batches.renew([lease]) == [BatchStatus.IN_PROGRESS]
        assert deleted(desk) == []
        assert files.used_bytes(TENANT) == 7
        assert desk.batches.end(lease, BatchStatus.FAILED)

    assert deleted(desk) == ["file-1"]
    assert files.used_bytes(TENANT) == 0
    assert not desk.client.exists(USES, "frontier:t:default:file:file-1")


def test_a_file_ends_when_it_said_and_its_bytes_when_no_batch_reads_them(desk: Desk) -> None:
    files = FileStore(desk.client)
    files.expect(TENANT, "file-2", within_seconds=60)
    new = NewFile(id="file-2", tenant=TENANT, filename="x", purpose=Purpose.BATCH, bytes=7, lifetime_seconds=100)
    files.add(new)
    lease = desk.begin(lines=0, input_file_id="file-2")
    desk.wait(100)
    with pytest.raises(FileNotFound):
        files.find(TENANT, "file-2")
    assert deleted(desk) == []
    with pytest.raises(FileNotFound):
        desk.accept(input_file_id="file-2")

    assert desk.batches.end(lease, BatchStatus.FAILED)

    assert deleted(desk) == ["file-2"]
    assert files.used_bytes(TENANT) == 0


def test_a_file_that_is_not_deleted_outlives_its_batches(desk: Desk) -> None:
    lease = desk.begin(lines=0)
    assert desk.batches.end(lease, BatchStatus.FAILED)
    assert deleted(desk) == []
    assert not desk.client.exists(USES)
    assert FileStore(desk.client).remove(TENANT, "file-1")
    assert deleted(desk) == ["file-1"]


def test_a_user_that_another_release_has_ended_or_that_is_unknown_keeps_nothing(desk: Desk) -> None:
    lease = desk.begin(lines=0)
    assert not FileStore(desk.client).remove(TENANT, "file-1")
    desk.client.hset(f"frontier:t:default:batch:{lease.batch.id}", "status", "completed")
    desk.client.sadd(USES, "batch_unknown")
    desk.wait(LEFT_ALONE_SECONDS)
    assert deleted(desk) == ["file-1"]


def test_no_batch_is_made_of_what_is_no_file_of_its_tenant(desk: Desk) -> None:
    desk.begin()
    for changes in ({"input_file_id": "file-9"}, {"input_file_id": "file-10", "tenant": "other"}):
        add_input(desk.client, file_id="file-10")
        with pytest.raises(FileNotFound):
            desk.accept(**changes)
    assert len(desk.batches.page(TENANT).batches) == 1
    assert desk.batches.page("other").batches == []


def test_the_same_id_again_finds_its_batch_also_when_the_file_is_gone(desk: Desk) -> None:
    batch = desk.accept(id="batch_x")
    FileStore(desk.client).remove(TENANT, "file-1")
    new = NewBatch(id="batch_x", tenant=TENANT, endpoint="/v1/completions", input_file_id="file-1")
    assert desk.batches.accept(new) == batch


def test_of_a_delete_and_a_batch_at_once_there_is_a_batch_with_its_bytes_or_none(redis_client: redis.Redis) -> None:
    batches, files = BatchStore(redis_client), FileStore(redis_client)
    for number in range(40):
        file = add_input(redis_client, file_id=f"file-{number}")
        new = NewBatch(id=f"batch_{number}", tenant=TENANT, endpoint="/v1/completions", input_file_id=file.id)
        start = threading.Barrier(2)
        made: list[str] = []

        def make(new: NewBatch = new, start: threading.Barrier = start, made: list[str] = made) -> None:
            start.wait()
            try:
                made.append(batches.accept(new).id)
            except FileNotFound:
                return

        thread = threading.Thread(target=make)
        thread.start()
        start.wait()
        is_due = files.remove(TENANT, file.id)
        due = [doomed.id for doomed in files.due()]
        thread.join()
        assert (due == [file.id]) is is_due is (made == [])

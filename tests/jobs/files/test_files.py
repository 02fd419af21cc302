"""Files: how they begin, are found, and end without leaving bytes that nobody knows."""

from __future__ import annotations

from typing import Any

import pytest
from redis import ConnectionPool

from jobs.errors import NewerRecord
from jobs.files.errors import FileLate, FileNotFound, FilesFull
from jobs.files.file import DoomedFile, File, FilePart, NewFile, Purpose, name_of, new_file_id
from jobs.files.store import LEFT_ALONE_SECONDS, FileStore, pack_part
from tests.jobs.turned_clock import TurnedClock

EPOCH = 1_800_000_000
TENANT = "acme"


class Shelf:
    """Files over a clock that the test turns."""

    def __init__(self, client: TurnedClock) -> None:
        self.client = client
        self.store = FileStore(client)
        self.now: float = EPOCH
        self.wait(0)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.client.turn_to(round(self.now * 1000))

    def add(self, file_id: str | None = None, *, tenant: str = TENANT, most: int | None = None, **given: Any) -> File:
        new = NewFile(
            id=file_id or new_file_id(),
            tenant=tenant,
            **{"filename": "lines.jsonl", "purpose": Purpose.BATCH, "bytes": 7, **given},
        )
        self.store.expect(tenant, new.id, within_seconds=60)
        return self.store.add(new, most_bytes=most)

    def dispose(self) -> list[DoomedFile]:
        """As a sweep does, but for the bytes."""
        due = self.store.due()
        for doomed in due:
            self.store.forget(doomed)
        return due

    def ids(self, **query: Any) -> list[str]:
        return [file.id for file in self.store.page(TENANT, **query).files]

    def keys(self) -> set[str]:
        found: Any = self.client.keys("frontier:*")
        return {key.decode() for key in found}


@pytest.fixture
def shelf(redis_url: str) -> Shelf:
    return Shelf(TurnedClock(connection_pool=ConnectionPool.from_url(redis_url)))


def test_a_file_is_found_as_it_was_added(shelf: Shelf) -> None:
    added = shelf.add(filename="Zeilen, größer.jsonl", bytes=12, lifetime_seconds=3600)

    assert added.id.startswith("file-")
    assert len(added.id) == len("file-") + 22
    assert shelf.store.find(TENANT, added.id) == added
    assert added == File(
        id=added.id,
        tenant=TENANT,
        filename="Zeilen, größer.jsonl",
        purpose=Purpose.BATCH,
        bytes=12,
        created_at=EPOCH,
        expires_at=EPOCH + 3600,
    )
    assert shelf.store.parts(added) == (FilePart(name=f"files/acme/{added.id}", bytes=12),)


def test_adding_a_file_again_changes_nothing(shelf: Shelf) -> None:
    first = shelf.add("file-1")
    shelf.wait(1)

    assert shelf.add("file-1", bytes=99) == first
    assert shelf.store.used_bytes(TENANT) == 7


def test_a_file_is_found_by_its_tenant_alone(shelf: Shelf) -> None:
    added = shelf.add()

    with pytest.raises(FileNotFound):
        shelf.store.find("other", added.id)
    with pytest.raises(FileNotFound):
        shelf.store.remove("other", added.id)
    with pytest.raises(FileNotFound):
        shelf.store.page("other", after=added.id)
    assert shelf.store.page("other").files == []


def test_files_are_listed_newest_first_or_oldest_first_in_pages(shelf: Shelf) -> None:
    ids = []
    for _ in range(5):
        ids.append(shelf.add().id)
        shelf.wait(1)

    assert shelf.ids() == ids[::-1]
    assert shelf.ids(is_oldest_first=True) == ids
    first = shelf.store.page(TENANT, limit=2)
    assert ([file.id for file in first.files], first.has_more) == ([ids[4], ids[3]], True)
    last = shelf.store.page(TENANT, after=ids[3], limit=3)
    assert ([file.id for file in last.files], last.has_more) == ([ids[2], ids[1], ids[0]], False)
    assert shelf.ids(after=ids[1], is_oldest_first=True) == ids[2:]
    with pytest.raises(FileNotFound):
        shelf.store.page(TENANT, after="file-none")


def test_files_of_one_purpose_are_listed_alone_however_many_others_lie_between(shelf: Shelf) -> None:
    outputs = [shelf.add("file-first", purpose=Purpose.BATCH_OUTPUT).id]
    for number in range(600):
        shelf.add(f"file-{number:04}")
    shelf.wait(1)
    outputs.append(shelf.add("file-last", purpose=Purpose.BATCH_OUTPUT).id)

    page = shelf.store.page(TENANT, purpose="batch_output", limit=2)

    assert ([file.id for file in page.files], page.has_more) == (outputs[::-1], False)
    assert len(shelf.ids(purpose="batch", limit=1000)) == 600


def test_a_removed_file_is_found_no_more_and_due_at_once(shelf: Shelf) -> None:
    kept, removed = shelf.add(), shelf.add()
    shelf.store.remove(TENANT, removed.id)

    with pytest.raises(FileNotFound):
        shelf.store.find(TENANT, removed.id)
    with pytest.raises(FileNotFound):
        shelf.store.remove(TENANT, removed.id)
    assert shelf.ids() == [kept.id]
    assert shelf.store.used_bytes(TENANT) == 7
    assert shelf.store.due() == [DoomedFile(id=removed.id, tenant=TENANT, names=(removed.name,))]


def test_an_expired_file_is_found_no_more_even_before_anybody_has_swept(shelf: Shelf) -> None:
    file = shelf.add(lifetime_seconds=60)
    shelf.wait(59)
    assert shelf.store.due() == []
    shelf.wait(1)

    with pytest.raises(FileNotFound):
        shelf.store.find(TENANT, file.id)
    with pytest.raises(FileNotFound):
        shelf.store.remove(TENANT, file.id)
    assert shelf.ids() == []
    assert [doomed.id for doomed in shelf.store.due()] == [file.id]
    assert shelf.store.used_bytes(TENANT) == 0


def test_what_is_due_is_told_again_until_it_is_forgotten(shelf: Shelf) -> None:
    shelf.store.remove(TENANT, shelf.add("file-1").id)

    first = shelf.store.due()
    assert shelf.store.due() == [], "another has just got it"
    shelf.wait(LEFT_ALONE_SECONDS)
    assert shelf.store.due() == first, "who got it may have died"

    assert shelf.store.forget(first[0])
    shelf.wait(LEFT_ALONE_SECONDS)
    assert shelf.store.due() == []
    assert shelf.store.forget(first[0]), "a repeat"


def test_bytes_that_were_stored_for_a_file_that_nobody_recorded_are_due(shelf: Shelf) -> None:
    shelf.store.expect(TENANT, "file-1", within_seconds=60)
    shelf.wait(59)
    assert shelf.store.due() == []
    shelf.wait(1)

    assert shelf.dispose() == [DoomedFile(id="file-1", tenant=TENANT, names=(name_of(TENANT, "file-1"),))]


def test_a_file_whose_bytes_may_be_deleted_already_is_not_recorded(shelf: Shelf) -> None:
    new = NewFile(id="file-1", tenant=TENANT, filename="a", purpose=Purpose.BATCH, bytes=1)
    with pytest.raises(FileLate):
        shelf.store.add(new)
    shelf.store.expect(TENANT, new.id, within_seconds=60)
    shelf.wait(60)

    with pytest.raises(FileLate):
        shelf.store.add(new)


def test_a_file_that_can_be_found_is_not_forgotten(shelf: Shelf) -> None:
    file = shelf.add()

    assert not shelf.store.forget(DoomedFile(id=file.id, tenant=TENANT, names=(file.name,)))
    assert shelf.store.find(TENANT, file.id) == file


def test_of_files_that_are_forgotten_nothing_is_left(shelf: Shelf) -> None:
    before = shelf.keys()
    for file in (shelf.add(), shelf.add(lifetime_seconds=60), shelf.add(lifetime_seconds=60)):
        if file.expires_at is None:
            shelf.store.remove(TENANT, file.id)
    shelf.wait(60)
    shelf.dispose()

    assert shelf.keys() - before == {"frontier:t:acme:filed"}
    assert shelf.store.used_bytes(TENANT) == 0


def test_a_tenant_has_no_more_bytes_than_it_may(shelf: Shelf) -> None:
    first = shelf.add(bytes=60, most=100)
    shelf.add(tenant="other", bytes=60, most=100)
    with pytest.raises(FilesFull) as refused:
        shelf.add(bytes=41, most=100)
    assert (refused.value.limit, refused.value.used) == (100, 60)
    shelf.add(bytes=40, most=100)
    shelf.store.remove(TENANT, first.id)

    assert shelf.add(bytes=60, most=100).bytes == 60


def test_a_file_in_parts_is_read_in_their_order_and_forgotten_when_all_are_deleted(shelf: Shelf) -> None:
    parts = tuple(FilePart(name=f"batches/acme/batch_1/output-{number:05}-t", bytes=1) for number in range(2500))
    file = shelf.add(purpose=Purpose.BATCH_OUTPUT, bytes=2500)
    shelf.client.rpush(f"frontier:t:acme:parts:{file.id}", *map(pack_part, parts))
    assert shelf.store.parts(file) == parts
    shelf.store.remove(TENANT, file.id)

    deleted = [name for _ in range(3) for doomed in shelf.dispose() for name in doomed.names]

    assert deleted == [part.name for part in parts]
    shelf.wait(LEFT_ALONE_SECONDS)
    assert shelf.store.due() == []


def test_what_a_newer_release_wrote_is_left_alone(shelf: Shelf) -> None:
    file = shelf.add(lifetime_seconds=60)
    shelf.client.hset(f"frontier:t:acme:file:{file.id}", "schema", 99)

    with pytest.raises(NewerRecord):
        shelf.store.remove(TENANT, file.id)
    shelf.wait(60)
    assert shelf.store.due() == []
    assert not shelf.store.forget(DoomedFile(id=file.id, tenant=TENANT, names=(file.name,)))

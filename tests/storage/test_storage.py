"""A storage: what is written is there whole or not at all, wherever it lies."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from storage.chunks import CHUNK_BYTES
from storage.errors import FileGone, StorageFull, StorageMisplaced, StorageTrouble
from storage.storage import Storage
from tests.s3.server import BUCKET

NAME = "files/acme/file-1"
LONG = bytes(range(256)) * 4096


@pytest.fixture(params=["file", "memory", pytest.param("s3", marks=pytest.mark.s3)])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "s3":
        request.getfixturevalue("s3_environment")
        return Storage.at(f"s3://{BUCKET}/{uuid4().hex}")
    return Storage.at(f"file://{tmp_path}/kept" if request.param == "file" else f"memory://{uuid4().hex}")


def put(storage: Storage, data: bytes, name: str = NAME) -> None:
    with storage.create(name) as writer:
        writer.write(data)


def all_of(storage: Storage, name: str = NAME) -> bytes:
    return b"".join(storage.read(name))


def test_what_was_written_is_read_back_in_small_chunks(storage: Storage) -> None:
    with storage.create(NAME) as writer:
        for start in range(0, len(LONG), 100_000):
            writer.write(LONG[start : start + 100_000])

    chunks = list(storage.read(NAME))

    assert b"".join(chunks) == LONG
    assert max(map(len, chunks)) == CHUNK_BYTES
    assert storage.size(NAME) == writer.bytes == len(LONG)


@pytest.mark.parametrize(
    ("start", "stop"), [(0, 1), (5, 5), (300_000, 600_001), (len(LONG) - 3, None), (10, len(LONG) + 99)]
)
def test_a_part_of_a_file_is_read(storage: Storage, start: int, stop: int | None) -> None:
    put(storage, LONG)

    assert b"".join(storage.read(NAME, start, stop)) == LONG[start:stop]


def test_two_readers_of_a_file_do_not_disturb_each_other(storage: Storage) -> None:
    put(storage, LONG)
    pairs = list(zip(storage.read(NAME), storage.read(NAME), strict=True))

    assert b"".join(first for first, _ in pairs) == b"".join(second for _, second in pairs) == LONG


def test_a_file_is_not_there_before_it_is_finished_and_then_whole(storage: Storage) -> None:
    with storage.create(NAME) as writer:
        writer.write(LONG)
        with pytest.raises(FileGone):
            storage.size(NAME)

    assert all_of(storage) == LONG


def test_until_a_file_is_written_anew_the_old_one_is_read(storage: Storage) -> None:
    put(storage, b"old")
    with storage.create(NAME) as writer:
        writer.write(b"new")
        assert all_of(storage) == b"old"

    assert all_of(storage) == b"new"


def test_a_file_without_bytes_is_one(storage: Storage) -> None:
    with storage.create(NAME):
        pass

    assert storage.size(NAME) == 0
    assert all_of(storage) == b""


def test_of_what_was_given_up_nothing_is_left(storage: Storage) -> None:
    def give_up() -> None:
        with storage.create(NAME) as writer:
            writer.write(LONG)
            raise KeyError

    with pytest.raises(KeyError):
        give_up()

    assert everything(storage) == []
    with pytest.raises(FileGone):
        storage.read(NAME)


def test_a_file_that_is_deleted_is_gone_and_deleting_it_again_is_no_error(storage: Storage) -> None:
    put(storage, b"x")
    storage.delete(NAME)
    storage.delete(NAME)

    assert everything(storage) == []


def test_two_that_write_the_same_name_do_not_mix(storage: Storage) -> None:
    with storage.create(NAME) as first, storage.create(NAME) as second:
        first.write(b"first ")
        second.write(b"second ")
        first.write(b"whole")
        second.write(b"whole")

    assert all_of(storage) == b"first whole"


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../up", "files//x", "files/../../x", "files/"])
def test_a_name_leads_nowhere_else(storage: Storage, name: str) -> None:
    with pytest.raises(ValueError, match="is no name"):
        storage.size(name)


def test_whatever_waits_for_the_disk_is_done_aside(tmp_path: Path) -> None:
    done = 0

    def aside(work: Callable[[], object]) -> object:
        nonlocal done
        done += 1
        return work()

    storage = Storage.at(f"file://{tmp_path}", aside)  # type: ignore[arg-type]
    put(storage, b"x")
    assert done == 3, "begin, write, finish"
    assert all_of(storage) == b"x"
    assert done == 5, "open, read"
    storage.size(NAME)
    storage.delete(NAME)
    assert done == 7


def test_what_a_crash_has_left_unfinished_is_cleared_once_it_is_old(tmp_path: Path) -> None:
    storage = Storage.at(f"file://{tmp_path}")
    left = tmp_path / "unfinished" / "of-a-crash"
    with storage.create(NAME) as writer:
        writer.write(b"x")
        left.write_bytes(b"half")
        os.utime(left, (1000, 1000))

        assert storage.clear_unfinished(before=1000) == 0
        assert storage.clear_unfinished(before=1001) == 1

    assert not left.exists()
    assert all_of(storage) == b"x"


def test_there_is_nothing_to_clear_before_anything_was_written(tmp_path: Path) -> None:
    assert Storage.at(f"file://{tmp_path}/none").clear_unfinished(before=1e12) == 0
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "url", ["", "files", "/var/lib/files", "http://127.0.0.1/files", "ftp://there/files", "gs://b"]
)
def test_an_address_of_another_form_is_refused_with_the_forms_that_are_none(url: str) -> None:
    with pytest.raises(StorageMisplaced, match="must look like file:///FOLDER"):
        Storage.at(url)


@pytest.mark.parametrize("url", ["file://", "file://files", "file://localhost/files", "file:///"])
def test_a_folder_is_named_by_its_whole_path(url: str) -> None:
    with pytest.raises(StorageMisplaced, match="by its whole path"):
        Storage.at(url)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(StorageMisplaced, match="taken is no folder"):
        Storage.at(f"file://{tmp_path}/taken/files")


def test_an_object_store_needs_a_bucket() -> None:
    with pytest.raises(StorageMisplaced, match="must name a bucket"):
        Storage.at("s3:///prefix")


def test_a_folder_that_cannot_be_made_is_trouble(tmp_path: Path) -> None:
    storage = Storage.at(f"file://{tmp_path}/later/files")
    (tmp_path / "later").write_bytes(b"")

    with pytest.raises(StorageTrouble), storage.create(NAME):
        pass


FULL = """
import sys
from storage.errors import StorageFull
from storage.storage import Storage

storage = Storage.at("file://" + sys.argv[1])
with storage.create("files/small") as writer:
    writer.write(b"x" * 1000)
try:
    with storage.create("files/large") as writer:
        for _ in range(100):
            writer.write(b"x" * 65536)
except StorageFull:
    print("full")
with storage.create("files/next") as writer:
    writer.write(b"y" * 1000)
print(b"".join(storage.read("files/small")) == b"x" * 1000, b"".join(storage.read("files/next")) == b"y" * 1000)
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> list[str]:
    """The beginning of a command that has a disk of a MiB at `tmp_path`, which ends with the command."""
    mount = f"mount -t tmpfs -o size=1m tmpfs {tmp_path} && "
    tried = subprocess.run(["unshare", "-Urm", "sh", "-c", mount + "true"], capture_output=True, check=False)
    if sys.platform != "linux" or tried.returncode:
        pytest.skip("no disk of its own is lent to a test here")
    return ["unshare", "-Urm", "sh", "-c", mount + 'exec "$@"', "sh"]


def test_a_full_disk_is_said_to_be_full_and_what_did_not_fit_takes_no_room(
    small_disk: list[str], tmp_path: Path
) -> None:
    ran = subprocess.run(
        [*small_disk, sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=False
    )

    assert ran.stdout.split() == ["full", "True", "True"], ran.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_disk_that_is_full_when_the_buffer_is_written_is_said_to_be_full(tmp_path: Path) -> None:
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "draft").symlink_to("/dev/full")
    storage = Storage(Storage.at(f"file://{tmp_path}")._location, new_token=lambda: "draft")

    with pytest.raises(StorageFull):
        put(storage, b"too much")

    assert everything(storage) == []


def everything(storage: Storage) -> list[str]:
    """All that lies there."""
    system, root = storage._location.system, storage._location.root
    found: list[str] = system.find(root) if system.exists(root) else []
    return found


def test_what_lies_in_a_folder_is_told_by_its_names(storage: Storage) -> None:
    names = {"batches/acme/b/output-1", "batches/acme/b/order"}
    for name in (*names, "batches/acme/b/deep/er", "batches/acme/bb/output-1"):
        put(storage, b"x", name)

    assert set(storage.names("batches/acme/b")) == names
    assert storage.names("batches/acme/nothing") == []
    for name in names:
        storage.delete(name)
    assert storage.names("batches/acme/b") == []


def test_what_lies_in_a_folder_is_nobody_else_s_to_read(tmp_path: Path) -> None:
    root = tmp_path / "kept"
    put(Storage.at(f"file://{root}"), b"a prompt")

    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    assert stat.S_IMODE((root / NAME).stat().st_mode) == 0o600


def test_the_last_file_of_a_folder_takes_it_along_also_while_another_one_comes(tmp_path: Path) -> None:
    storage = Storage.at(f"file://{tmp_path}")
    put(storage, b"first")
    with storage.create(f"{NAME}-2") as writer:
        writer.write(b"second")
        storage.delete(NAME)
        assert not (tmp_path / NAME).parent.exists()

    assert all_of(storage, f"{NAME}-2") == b"second"

"""What is being written: it is seen whole once it is finished, or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any, Protocol

from storage.location import Location

UNFINISHED = "unfinished"
"""The folder of what is still being written, where finishing is renaming; a crash leaves it there."""

_PART_BYTES = 5 * 1024 * 1024
"""What an object store is sent at a time, the least that S3 takes; it is in memory several times over."""


class Draft(Protocol):
    """One that fails to be finished is to be discarded."""

    def write(self, data: bytes) -> None: ...

    def finish(self) -> None:
        """Show it under its name, in the place of what was there."""

    def discard(self) -> None:
        """Leave nothing of it behind."""


def begin_draft(location: Location, name: str, token: str) -> Draft:
    """A draft of *name*; the *token* tells it from others of the same name."""
    path = location.path(name)
    if location.renames:
        return _RenamedDraft(location, path, location.path(f"{UNFINISHED}/{token}"))
    return _CommittedDraft(location, path)


class _RenamedDraft:
    def __init__(self, location: Location, path: str, place: str) -> None:
        self._system = location.system
        self._is_local = location.is_local
        self._path = path
        self._place = place
        if self._is_local:  # what customers send is nobody's else on this machine
            os.makedirs(location.root, mode=0o700, exist_ok=True)  # noqa: PTH103 - fsspec's paths are texts
        self._make_folder(place)
        self._handle: Any = self._system.open(place, "wb")
        if self._is_local:
            os.fchmod(self._handle.fileno(), 0o600)

    def write(self, data: bytes) -> None:
        self._handle.write(data)

    def finish(self) -> None:
        self._handle.flush()
        if self._is_local:
            os.fsync(self._handle.fileno())
        self._handle.close()
        self._make_folder(self._path)
        try:
            self._system.mv(self._place, self._path)
        except FileNotFoundError:  # the folder was empty, and is deleted just now
            self._make_folder(self._path)
            self._system.mv(self._place, self._path)
        if self._is_local:
            _sync_folder(os.path.dirname(self._path))  # noqa: PTH120 - fsspec's paths are texts

    def discard(self) -> None:
        with suppress(OSError):  # of a full disk, what is left in the buffer
            self._handle.close()
        with suppress(FileNotFoundError):
            self._system.rm_file(self._place)

    def _make_folder(self, path: str) -> None:
        self._system.makedirs(path.rpartition("/")[0], exist_ok=True)


class _CommittedDraft:
    def __init__(self, location: Location, path: str) -> None:
        self._handle: Any = location.system.open(path, "wb", block_size=_PART_BYTES, autocommit=False)

    def write(self, data: bytes) -> None:
        self._handle.write(data)

    def finish(self) -> None:
        self._handle.close()
        self._handle.commit()

    def discard(self) -> None:
        self._handle.closed = True  # else it sends what it has left when it is closed, or collected
        self._handle.discard()


def _sync_folder(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Keeps bytes under names."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from storage.aside import Aside, KeepRunning, at_once
from storage.chunks import Chunks
from storage.drafts import UNFINISHED, Draft, begin_draft
from storage.errors import FileGone, StorageError, told_as_ours
from storage.location import Location, location_at

log = logging.getLogger(__name__)


def _token() -> str:
    return uuid4().hex


class Writer:
    """Takes the bytes of one file; `bytes` says how many it has taken."""

    def __init__(self, draft: Draft, aside: Aside) -> None:
        self._draft = draft
        self._aside = aside
        self.bytes = 0

    def write(self, data: bytes) -> None:
        """Raises StorageFull or StorageTrouble."""
        with told_as_ours():
            self._aside(lambda: self._draft.write(data))
        self.bytes += len(data)


class Storage:
    """A folder or an object store; safe to share between threads and greenlets.

    A name is made of parts with slashes between. What waits for a disk or a network is done `aside`.
    """

    def __init__(self, location: Location, aside: Aside = at_once, new_token: Callable[[], str] = _token) -> None:
        self._location = location
        self._aside = aside
        self._new_token = new_token

    @classmethod
    def at(cls, url: str, aside: Aside = at_once, keep_running: KeepRunning | None = None) -> Self:
        """The storage at an address, such as `file:///var/lib/frontier/files`. Raises StorageMisplaced.

        Where threads are no threads, as under gevent, `keep_running` gives what an object store needs of its own.
        """
        return cls(location_at(url, keep_running), aside)

    @contextmanager
    def create(self, name: str) -> Iterator[Writer]:
        """Write a file. It is seen whole when the block ends, in the place of what had its name, or not at all.

        If the block raises, nothing is left behind. Raises StorageFull or StorageTrouble.
        """
        with told_as_ours():
            draft: Draft = self._aside(lambda: begin_draft(self._location, name, self._new_token()))
        try:
            yield Writer(draft, self._aside)
            with told_as_ours():
                self._aside(draft.finish)
        except BaseException:
            self._discard(draft)
            raise

    def read(self, name: str, start: int = 0, stop: int | None = None) -> Chunks:
        """Its bytes from *start* up to *stop*, in chunks of at most 256 KiB. Raises FileGone or StorageTrouble."""
        path = self._location.path(name)
        return Chunks(self._location.system, path, name, start=start, stop=stop, aside=self._aside)

    def size(self, name: str) -> int:
        """How many bytes it has. Raises FileGone or StorageTrouble."""
        path = self._location.path(name)
        with told_as_ours(sought=name):
            return int(self._aside(lambda: self._location.system.size(path)))

    def delete(self, name: str) -> None:
        """Have nothing lie under the name, if anything did; a folder goes with its last file. Raises StorageTrouble."""
        path = self._location.path(name)

        def remove() -> None:
            self._location.system.rm_file(path)
            if self._location.is_local:
                with suppress(OSError):  # others lie there
                    Path(path).parent.rmdir()

        try:
            with told_as_ours(sought=name):
                self._aside(remove)
        except FileGone:
            return

    def names(self, folder: str) -> list[str]:
        """What lies in a folder, by its whole names, and not in one below it. Raises StorageTrouble."""
        path = self._location.path(folder)

        def look() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = self._location.system.ls(path, detail=True)
            return found

        try:
            with told_as_ours(sought=folder):
                found = self._aside(look)
        except FileGone:
            return []
        return [f"{folder}/{one['name'].rpartition('/')[2]}" for one in found if one["type"] == "file"]

    def clear_unfinished(self, *, before: float) -> int:
        """Delete what a crash has left unfinished and nobody has written to since *before*, Unix seconds; how many.

        An object store has rules of its own for that. Raises StorageTrouble.
        """
        if not self._location.is_local:
            return 0
        system, folder = self._location.system, self._location.path(UNFINISHED)

        def clear() -> int:
            found: list[dict[str, Any]] = system.ls(folder, detail=True) if system.exists(folder) else []
            left = [one["name"] for one in found if one["mtime"] < before]
            for path in left:
                system.rm_file(path)
            return len(left)

        with told_as_ours():
            return self._aside(clear)

    def _discard(self, draft: Draft) -> None:
        try:
            with told_as_ours():
                self._aside(draft.discard)
        except StorageError as error:
            log.warning("draft_not_discarded", extra={"reason": str(error)})

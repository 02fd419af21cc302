"""Reads what lies in a storage, a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from storage.aside import Aside
from storage.errors import StorageTrouble, told_as_ours

CHUNK_BYTES = 256 * 1024
_ASKED_BYTES = 2 * 1024 * 1024
"""What an object store is asked for at a time, beyond a chunk; by itself s3fs would ask for 50 MiB."""


class Chunks(Iterator[bytes]):
    """The bytes from `start` up to `stop`, as they lie at `path`; to be closed if it is not read to its end."""

    def __init__(self, system: Any, path: str, name: str, *, start: int, stop: int | None, aside: Aside) -> None:
        self._name = name
        self._aside = aside
        self._place = start
        with told_as_ours(sought=name):
            self._handle: Any = aside(lambda: system.open(path, "rb", block_size=_ASKED_BYTES))
        self._stop = self._handle.size if stop is None else min(stop, self._handle.size)

    def __next__(self) -> bytes:
        wanted = min(CHUNK_BYTES, self._stop - self._place)
        if wanted <= 0:
            self.close()
            raise StopIteration
        with told_as_ours(sought=self._name):
            data: bytes = self._aside(lambda: self._read(wanted))
        if not data:
            raise StorageTrouble(f"{self._name} has become shorter")
        self._place += len(data)
        return data

    def close(self) -> None:
        with told_as_ours():
            self._handle.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, wanted: int) -> bytes:
        self._handle.seek(self._place)  # fsspec's files in memory have one cursor for all
        data: bytes = self._handle.read(wanted)
        return data

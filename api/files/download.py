"""Bytes on their way to a client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from api.reader_socket import ReaderConnection
from storage.chunks import Chunks


class Download(Iterator[bytes]):
    """The body of an answer: *first*, which is open, and what follows it; the server closes it, however it ends."""

    def __init__(self, first: Chunks | None, others: Iterator[Chunks], *, connection: ReaderConnection) -> None:
        self._chunks = first
        self._others = others
        self._connection = connection

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        self._connection.end_write()
        while self._chunks is not None:
            chunk = next(self._chunks, None)
            if chunk is not None:
                self._connection.begin_write()
                return chunk
            self._chunks = next(self._others, None)
        raise StopIteration

    def close(self) -> None:
        self._connection.close()
        if self._chunks is not None:
            self._chunks.close()
            self._chunks = None

"""Readers of streams at the back of a test, each in a thread of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from random import Random

from tests.system.fleet import PATIENCE_SECONDS, TOKEN
from tests.system.history import Promise
from tests.system.stream_reader import StreamReader
from tests.system.worker_process import wait_for

MOST_AT_ONCE = 64


class Readers:
    """Reads jobs at an address; raises in the test what a reader has found wrong."""

    def __init__(self, url: str, *, token: str = TOKEN) -> None:
        self._url = url
        self._token = token
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE)
        self._read: dict[StreamReader, Future[StreamReader]] = {}

    def close(self) -> None:
        for reader in self._read:
            reader.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def begin(self, job_id: str, *, cuts: Iterable[int] = ()) -> StreamReader:
        """One that reads from now on."""
        reader = StreamReader(self._url, job_id, token=self._token, cuts=cuts)
        self._read[reader] = self._threads.submit(reader.read)
        return reader

    def wait_until_read(self, tokens: int) -> None:
        """Until each of them has so many tokens, or all there are."""

        def is_read() -> bool:
            for ended in self._read.values():
                if ended.done():
                    ended.result()
            return all(len(reader.pieces) >= tokens or reader.final for reader in self._read)

        wait_for(is_read, PATIENCE_SECONDS)

    def ended(self) -> list[StreamReader]:
        """All of them, once each has read to the end."""
        return [ended.result(PATIENCE_SECONDS) for ended in self._read.values()]

    def check(self, promises: Sequence[Promise]) -> None:
        """When all have read to the end: each was told what was promised, and whoever reads it again is too.

        The tokens come in the same bytes, and one who has them all and comes again is sent away.
        """
        promised = {promise.job_id: promise for promise in promises}
        for reader in self.ended():
            promise = promised[reader.job_id]
            assert reader.final is not None
            assert reader.final["status"] == "succeeded", reader.final
            assert (len(reader.pieces), reader.text) == (promise.tokens, promise.text)
        first = {reader.job_id: reader for reader in self._read}
        for job_id, reader in first.items():
            again = StreamReader(self._url, job_id, token=self._token).read()
            assert again.frames == reader.frames
            assert again.come_again() == reader.come_again() == 204


def some_cuts(random: Random, count: int, most: int) -> list[int]:
    """So many places in an answer to leave at: before it, in its snapshot, between tokens or within one."""
    return [random.choice((0, random.randint(1, 400), *random.choices(range(1, most), k=2))) for _ in range(count)]

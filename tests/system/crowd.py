"""A thousand readers that wait, clients that dawdle, and somebody who asks for the health meanwhile: one event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.api.event_reader import Event, events

CONNECTING_AT_ONCE = 50
DAWDLE_SECONDS = 0.5
PROBE_SECONDS = 0.02
PATIENCE_SECONDS = 120.0


@dataclass
class Crowd:
    """Talks to the API on *port* of loopback; `began` counts the readers that were answered."""

    port: int
    token: str
    began: int = 0
    turned_away: list[bytes] = field(default_factory=list)
    """What each of those who dawdled was answered, b"" for a closed connection."""

    async def follow(self, job_ids: Iterable[str]) -> list[asyncio.Task[list[Event]]]:
        """A reader for each of these, once all have a snapshot; its result is the events up to the end."""
        places = asyncio.Semaphore(CONNECTING_AT_ONCE)
        before = self.began
        readers = [asyncio.create_task(self._read(job_id, places)) for job_id in job_ids]
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.began < before + len(readers):
                for reader in readers:
                    if reader.done():
                        reader.result()
                await asyncio.sleep(PROBE_SECONDS)
        return readers

    @asynccontextmanager
    async def dawdling(self, count: int) -> AsyncIterator[None]:
        """So many clients each that never end their head, and that never end their body; sent away, they come again."""
        head = b"POST /v1/jobs HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer " + self.token.encode()
        body = head + b"\r\nContent-Type: application/json\r\nContent-Length: 10000\r\n\r\n"
        clients = [asyncio.create_task(self._dawdle(start)) for start in (head, body) for _ in range(count)]
        try:
            yield
        finally:
            for client in clients:
                client.cancel()
            await asyncio.gather(*clients, return_exceptions=True)

    async def health(self, seconds: float) -> list[float]:
        """Ask for so long, on a new connection each time; how many seconds each answer took. All must be 200."""
        took = []
        until = time.monotonic() + seconds
        while (began := time.monotonic()) < until:
            async with asyncio.timeout(PATIENCE_SECONDS), self._asked("/health") as answer:
                told = await answer.read()
                assert told.split(b" ")[1] == b"200", told
            took.append(time.monotonic() - began)
            await asyncio.sleep(PROBE_SECONDS)
        return took

    async def _read(self, job_id: str, places: asyncio.Semaphore) -> list[Event]:
        async with AsyncExitStack() as connection:
            async with places:
                answer = await connection.enter_async_context(self._asked(f"/v1/jobs/{job_id}/events"))
                await answer.readuntil(b"\r\n\r\n")
                snapshot = await answer.readuntil(b"\n\n")
            self.began += 1
            return list(events([snapshot, await answer.read()]))

    @asynccontextmanager
    async def _asked(self, path: str) -> AsyncIterator[asyncio.StreamReader]:
        """The answer to a GET, whose body is not chunked and ends with the connection."""
        async with self._connected() as (answer, out):
            out.write(f"GET {path} HTTP/1.0\r\nAuthorization: Bearer {self.token}\r\n\r\n".encode())
            yield answer

    async def _dawdle(self, start: bytes) -> None:
        while True:
            with suppress(OSError):
                async with self._connected() as (answer, out):
                    out.write(start)
                    told = asyncio.create_task(answer.readline())
                    while not told.done():
                        out.write(b"x")
                        await asyncio.wait([told], timeout=DAWDLE_SECONDS)
                    self.turned_away.append(await told)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        answer, out = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield answer, out
        finally:
            out.close()
            with suppress(OSError):
                await out.wait_closed()


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]

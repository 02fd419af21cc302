"""Receivers of webhooks: `python -m scripts.benchmark.receivers FILE`.

The path of a request says how it is received: `/healthy` is answered with 200 at once, `/slow` after SLOW_SECONDS, and
`/dead` never. FILE gets the port as its first line, and then a line for each request that is answered: its path, the
job's id, and the seconds since that job's end, by the clocks of the store and of this process.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TextIO

HEALTHY, SLOW, DEAD = "/healthy", "/slow", "/dead"
SLOW_SECONDS = 2.0
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One request that was answered, so many seconds after the job had ended."""

    path: str
    job_id: str
    seconds: float


def port_of(file: Path) -> int | None:
    """Where the receivers listen; None until they do."""
    try:
        first, end, _ = file.read_text(encoding="utf-8").partition("\n")
    except FileNotFoundError:
        return None
    return int(first) if end else None


def arrivals(file: Path) -> list[Arrival]:
    """What has been answered so far, in turn."""
    _, *lines = file.read_text(encoding="utf-8").split("\n")[:-1]
    return [
        Arrival(path=path, job_id=job_id, seconds=float(seconds))
        for path, job_id, seconds in (line.split() for line in lines)
    ]


async def serve(file: Path) -> None:
    """Listen on a free port until this process is ended."""
    with file.open("w", encoding="utf-8") as told:
        server = await asyncio.start_server(partial(_receive, told), "127.0.0.1", backlog=512)
        print(server.sockets[0].getsockname()[1], file=told, flush=True)
        await server.serve_forever()


async def _receive(told: TextIO, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        _, path, _ = head.split(" ", 2)
        event = json.loads(await reader.readexactly(_length(head)))
        if path == DEAD:
            await reader.read()  # until the other end has had enough
            return
        if path == SLOW:
            await asyncio.sleep(SLOW_SECONDS)
        print(path, event["data"]["id"], _age(event, time.time()), file=told, flush=True)
        writer.write(ANSWER)
        await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


def _length(head: str) -> int:
    headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
    return int(headers["content-length"])


def _age(event: Mapping[str, Any], now: float) -> float:
    return now - datetime.fromisoformat(event["timestamp"]).timestamp()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))

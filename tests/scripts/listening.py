"""`frontier listen` as a process, and a sender that signs."""

from __future__ import annotations

import json
import re
import signal
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from jobs.signature import Secret, signed_headers
from tests.scripts.client_app import eventually, start_frontier


def envelope(event_id: str, type_: str = "job.succeeded", **data: Any) -> bytes:
    event = {"id": event_id, "object": "event", "type": type_, "created_at": 1764000000}
    event |= {"timestamp": "2026-11-24T16:00:00Z", "data": {"id": "job_7", "object": "job", **data}}
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


class Listening:
    """`frontier listen --port 0 WORDS`; *out* and *err* are the lines that it has printed."""

    def __init__(self, api_url: str, home: Path, *words: str, reads: bool = True) -> None:
        self._process = start_frontier(api_url, home, "listen", "--port", "0", *words)
        self.out: list[str] = []
        self.err: list[str] = []
        streams = [(self._process.stderr, self.err), (self._process.stdout, self.out)]
        self._readers = [threading.Thread(target=self._read, args=pair) for pair in streams[: 2 if reads else 1]]
        for reader in self._readers:
            reader.start()
        self.wait_for(self.err, "listening on")

    @property
    def port(self) -> int:
        found = re.search(r"listening on (\S+?)[,;]", self.err[0])
        assert found
        return urlsplit(found[1]).port or 0

    def wait_for(self, lines: list[str], words: str) -> str:
        """The line with these words, once there is one."""
        eventually(lambda: any(words in line for line in lines) or self._process.poll() is not None, 60)
        return next(line for line in lines if words in line)

    def printed(self, words: str) -> int:
        """How many lines have these words."""
        return sum(words in line for line in self.out)

    def post(self, secret: Secret, event_id: str, body: bytes, *, at: float | None = None) -> int:
        return self.send("POST", body, signed_headers([secret], event_id, int(at or time.time()), body))

    def send(self, method: str, body: bytes = b"", headers: dict[str, str] | None = None) -> int:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, "/", body=body or None, headers=headers or {})
            return connection.getresponse().status
        finally:
            connection.close()

    def announce(self, length: str) -> int:
        """What a request is answered that promises a body of this length and sends none of it."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.putrequest("POST", "/")
            connection.putheader("Content-Length", length)
            connection.endheaders()
            return connection.getresponse().status
        finally:
            connection.close()

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Its exit status."""
        self._process.send_signal(number)
        return self._finish()

    def hang_up(self) -> None:
        """Nobody reads what it prints any more."""
        assert self._process.stdout
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._finish()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream
            stream.close()

    def _finish(self) -> int:
        status = self._process.wait(60)
        for reader in self._readers:
            reader.join()
        return status

    def _read(self, stream: Any, lines: list[str]) -> None:
        lines.extend(line.rstrip("\n") for line in stream)


def refused_start(api_url: str, home: Path, *words: str) -> tuple[int, str]:
    """The exit status and the complaint of a `frontier listen` that cannot start."""
    process = start_frontier(api_url, home, "listen", *words)
    _, complaint = process.communicate(timeout=60)
    return process.returncode, complaint

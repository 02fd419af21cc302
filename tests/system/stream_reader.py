"""A reader of a job's tokens that is cut off, by itself or by a fault, and comes back for the rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from itertools import chain, repeat
from typing import Any
from urllib.parse import urlsplit

from tests.api.event_reader import Event, events
from tests.system.fleet import PATIENCE_SECONDS

NEVER = 10**12
PAUSE_SECONDS = 0.05
NOT_NOW = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


class StreamReader:
    """Reads `GET /v1/jobs/{id}/events` up to `final`, over as many connections as that takes.

    *cuts* are the bytes of an answer after which it leaves one connection after the other; 0 leaves before there is
    an answer, and connections after these are left to the faults of the test. On the way it asserts that every
    connection begins with a snapshot and that each token comes once and in order.
    """

    def __init__(self, url: str, job_id: str, *, token: str, cuts: Iterable[int] = ()) -> None:
        self.job_id = job_id
        self._address = urlsplit(url).netloc
        self._path = f"/v1/jobs/{job_id}/events"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._cuts = chain(cuts, repeat(NEVER))
        self._last_id: int | None = None
        self._is_stopped = threading.Event()
        self.frames: list[bytes] = []
        """Those of the tokens, byte by byte."""
        self.pieces: list[str] = []
        self.jobs: list[dict[str, Any]] = []
        """One for each snapshot."""
        self.final: dict[str, Any] | None = None
        self.times_cut = 0
        """How often it left, or was left, before the end."""

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def read(self) -> StreamReader:
        """Read to the end; itself, for whoever waits for that."""
        heard_at, known = time.monotonic(), len(self.pieces)
        while self.final is None and not self._is_stopped.is_set():
            self._read_once(next(self._cuts))
            if self.final is None:
                self.times_cut += 1
            if len(self.pieces) > known:
                heard_at, known = time.monotonic(), len(self.pieces)
            assert time.monotonic() < heard_at + PATIENCE_SECONDS, f"no end of {self._path} after {known} tokens"
        return self

    def stop(self) -> None:
        """Come back no more."""
        self._is_stopped.set()

    def come_again(self) -> int:
        """Ask once more where it has stopped; the status of the answer."""
        with closing(self._connect()) as connection, closing(self._answer(connection)) as answer:
            return answer.status

    def _connect(self) -> HTTPConnection:
        return HTTPConnection(self._address, timeout=PATIENCE_SECONDS)

    def _answer(self, connection: HTTPConnection) -> HTTPResponse:
        self._ask(connection)
        return connection.getresponse()

    def _ask(self, connection: HTTPConnection) -> None:
        resume = {} if self._last_id is None else {"Last-Event-ID": str(self._last_id)}
        connection.request("GET", self._path, headers=self._headers | resume)

    def _read_once(self, cut: int) -> None:
        with closing(self._connect()) as connection:
            try:
                if cut == 0:
                    self._ask(connection)
                    return
                with closing(self._answer(connection)) as answer:
                    self._take(answer, cut)
            except (OSError, HTTPException):
                self._is_stopped.wait(PAUSE_SECONDS)

    def _take(self, answer: HTTPResponse, cut: int) -> None:
        if answer.status in NOT_NOW:
            self._is_stopped.wait(PAUSE_SECONDS)
            return
        assert answer.status == HTTPStatus.OK, (answer.status, answer.read())
        is_first = True
        for frame in frames(answer, cut):
            for event in events([frame + b"\n\n"]):
                assert is_first == (event.name == "snapshot"), event
                is_first = False
                self._hear(event, frame)

    def _hear(self, event: Event, frame: bytes) -> None:
        assert self.final is None, event
        have = len(self.pieces)
        match event.name:
            case "snapshot":
                assert event.id == have - 1, (event.id, have)
                self.jobs.append(event.data)
            case "token":
                assert event.id == event.data["index"] == have, (event.id, have)
                self.pieces.append(event.data["text"])
                self.frames.append(frame)
            case "final":
                assert event.id == event.data["usage"]["completion_tokens"] == have, (event, have)
                assert event.data.get("result", {"text": self.text})["text"] == self.text
                self.final = event.data
            case name:
                assert (name, event.id) == ("status", None)
        self._last_id = self._last_id if event.id is None else event.id


def frames(answer: HTTPResponse, cut: int) -> Iterator[bytes]:
    """The whole frames among the first *cut* bytes of an answer."""
    rest, left = b"", cut
    while left and (read := answer.read1(min(left, 65_536))):
        left -= len(read)
        *whole, rest = (rest + read).split(b"\n\n")
        yield from whole

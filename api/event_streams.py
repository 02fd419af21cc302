"""Answers that go on: server-sent events over places that are counted and connections that are watched."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from flask import Response, request
from gevent import monkey  # type: ignore[import-untyped]

from api import sse
from api.auth import caller
from api.reader_socket import ReaderConnection, ReaderSocket, Unwatched
from api.stream_places import Place, StreamPlaces
from api.stream_times import StreamWatch, Unmeasured
from jobs.errors import JobError

log = logging.getLogger(__name__)

RECONNECT_MS = 1000
Connect = Callable[[Callable[[], None]], ReaderConnection]
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Source(Protocol):
    """What the frames of a stream are made of: `api.following.Reading`."""

    is_complete: bool

    def leave(self) -> None:
        """End soon; called from the outside, also while it is waited for."""

    def close(self) -> None:
        """End now."""


@dataclass(frozen=True, kw_only=True)
class EventStreams:
    """Makes streams of frames; `clock` is monotonic, `has_ended` tells of a key, by its id, that it is good no more.

    A stream that `ages` ends after `stream_seconds` and has its reader connect again; a write may take `stall_seconds`.
    `watch` is told of each stream.
    """

    places: StreamPlaces
    has_ended: Callable[[str], bool]
    clock: Callable[[], float]
    stream_seconds: float
    stall_seconds: float
    watch: Callable[[], StreamWatch] = Unmeasured

    def place(self) -> Place:
        """A place for the stream to come, as a context that keeps it if no stream is made; raises TooManyStreams.

        Take it before what a refusal should not leave behind, such as a job.
        """
        return self.places.take(caller().key_id)

    def respond(
        self,
        frames: Iterable[bytes],
        *,
        looks: Source,
        place: Place | None = None,
        on_gone: Callable[[], object] | None = None,
        on_delivered: Callable[[], object] | None = None,
        headers: Mapping[str, str] | None = None,
        ages: bool = True,
    ) -> Response:
        """Stream *frames*, which are made of *looks*. Raises TooManyStreams unless there is a *place* already.

        Afterwards one of the two is called, if any: `on_delivered` when the last frame was handed to the connection
        and the looks were complete, `on_gone` when the reader had left before or was too slow. Neither is, when the
        stream was ended from here: the process ends, the stream is too old, the job was erased, the reader's key has
        ended. A reader of a stream that `ages` is then told to connect again, but for the last.
        """
        stream = _Stream(
            iter(frames),
            connect=self._connect(),
            looks=looks,
            place=(place or self.place()).hand_on(),
            on_gone=on_gone,
            on_delivered=on_delivered,
            is_shut_out=partial(self.has_ended, caller().key_id),
            is_too_old=self._too_old() if ages else None,
            watch=self.watch(),
        )
        return Response(stream, mimetype="text/event-stream", headers=_HEADERS | dict(headers or {}))

    def _too_old(self) -> Callable[[], bool]:
        until = self.clock() + self.stream_seconds
        return lambda: self.clock() >= until

    def _connect(self) -> Connect:
        connection: socket.socket | None = request.environ.get("gunicorn.socket")
        if connection is None or not monkey.is_module_patched("socket"):
            return lambda _: Unwatched()
        return lambda on_gone: ReaderSocket(connection, stall_seconds=self.stall_seconds, on_gone=on_gone)


class _Stream:
    """The body of an answer; the server takes piece after piece and closes it in the end, however that comes."""

    def __init__(
        self,
        frames: Iterator[bytes],
        *,
        connect: Connect,
        looks: Source,
        place: Place,
        on_gone: Callable[[], object] | None,
        on_delivered: Callable[[], object] | None,
        is_shut_out: Callable[[], bool],
        is_too_old: Callable[[], bool] | None,
        watch: StreamWatch,
    ) -> None:
        self._looks = looks
        self._place = place
        self._on_gone = on_gone
        self._on_delivered = on_delivered
        self._is_shut_out = is_shut_out
        self._is_too_old = is_too_old
        self._watch = watch
        self._connect = connect
        self._connection: ReaderConnection | None = None
        self._is_gone = False
        self._is_ended_here = False
        self._is_last_of_connection = False
        self._is_delivered = False
        self._is_closed = False
        self._frames = frames
        self._pieces: Generator[bytes] | None = None

    def leave(self) -> None:
        self._is_gone = True
        self._looks.leave()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        is_first = self._pieces is None
        if self._connection is None or self._pieces is None:
            # Not before: what refers to this stream would keep it, and only what has begun to be sent is closed.
            self._connection = self._connect(self.leave)
            self._pieces = self._cut(self._frames)
        self._connection.end_write()
        piece = next(self._pieces)
        if is_first:
            self._watch.told()
        self._connection.begin_write()
        return piece

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        if self._connection is not None:
            self._connection.close()
            if self._is_ended_here and self._is_last_of_connection:
                self._connection.hang_up()
        self._place.give_back()
        self._watch.ended()
        if self._pieces is not None:
            self._pieces.close()
        self._looks.close()
        if self._is_delivered:
            _tell(self._on_delivered)
        elif not self._is_ended_here:
            _tell(self._on_gone)

    def __del__(self) -> None:
        """The server closes what it has begun to send, and not what it could not begin."""
        self.close()

    def _cut(self, frames: Iterator[bytes]) -> Generator[bytes]:
        try:
            yield from self._while_it_lasts(frames)
        except Exception:
            self._is_ended_here = True
            raise

    def _while_it_lasts(self, frames: Iterator[bytes]) -> Iterator[bytes]:
        for frame in frames:
            if self._is_gone:
                return
            if self._is_shut_out():
                self._is_ended_here = True
                return
            for start in range(0, len(frame), sse.WRITE_BYTES):
                yield frame[start : start + sse.WRITE_BYTES]
            if self._is_too_old is not None and not self._looks.is_complete and self._is_too_old():
                break  # The connection stays: its reader may have asked for the rest over it already.
        else:
            self._is_last_of_connection = not self._looks.is_complete
        if self._looks.is_complete:
            self._is_delivered = True
            return
        if self._is_gone:
            return
        self._is_ended_here = True
        if self._is_too_old is not None:
            yield sse.retry(RECONNECT_MS)


def _tell(listener: Callable[[], object] | None) -> None:
    """What a listener cannot record must not fail the process."""
    if listener is None:
        return
    try:
        listener()
    except JobError as error:
        log.warning("end_of_stream_not_recorded", extra={"error": type(error).__name__})

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask, Response, g

from api.auth import OPERATOR
from api.errors import TooManyStreams
from api.event_streams import EventStreams
from api.sse import WRITE_BYTES
from api.stream_places import StreamPlaces
from jobs.errors import StoreUnavailable

LAST = b"data: last\n\n"


class Looks:
    """As they are of a job that is final, or of one that is not."""

    def __init__(self, *, is_complete: bool) -> None:
        self.is_complete = is_complete
        self.is_closed = False

    def leave(self) -> None:
        """Nobody leaves here."""

    def close(self) -> None:
        self.is_closed = True


class Streams:
    def __init__(self, *, seconds: float = 60.0) -> None:
        self.places = StreamPlaces(per_key=2, per_process=3)
        self.now = 0.0
        self.told: list[str] = []
        self.ended: set[str] = set()
        self._streams = EventStreams(
            places=self.places,
            has_ended=self.ended.__contains__,
            clock=lambda: self.now,
            stream_seconds=seconds,
            stall_seconds=60,
        )

    def respond(self, frames: Iterator[bytes], *, is_complete: bool = True, ages: bool = True) -> Response:
        with Flask(__name__).test_request_context():
            g.caller = OPERATOR
            return self._streams.respond(
                frames,
                looks=Looks(is_complete=is_complete),
                on_gone=lambda: self.told.append("gone"),
                on_delivered=lambda: self.told.append("delivered"),
                ages=ages,
            )


def test_the_last_frame_that_was_taken_is_a_delivery() -> None:
    streams = Streams()
    response = streams.respond(iter([LAST]))

    assert (list(response.response), streams.told) == ([LAST], [])
    response.close()
    response.close()

    assert streams.told == ["delivered"]
    assert streams.places.taken == 0


def test_a_reader_that_took_all_but_the_last_frame_is_gone() -> None:
    streams = Streams()
    response = streams.respond(iter([b": \n\n", LAST]))
    assert next(iter(response.response))
    response.close()

    assert streams.told == ["gone"]


@pytest.mark.parametrize("rest", [[b"retry: 1000\n\n"], []])
def test_what_is_ended_from_here_is_neither(rest: list[bytes]) -> None:
    streams = Streams()
    response = streams.respond(iter([]), is_complete=False, ages=bool(rest))

    assert list(response.response) == rest
    response.close()
    assert streams.told == []


def test_a_stream_that_is_too_old_ends_between_two_frames() -> None:
    streams = Streams(seconds=10.0)

    def frames() -> Iterator[bytes]:
        while True:
            streams.now += 6
            yield b": \n\n"

    response = streams.respond(frames(), is_complete=False)

    assert list(response.response) == [b": \n\n", b": \n\n", b"retry: 1000\n\n"]


@pytest.mark.parametrize("ages", [True, False])
def test_a_stream_ends_with_its_key_before_another_frame_and_is_neither(*, ages: bool) -> None:
    streams = Streams()
    response = streams.respond(iter([b": \n\n", LAST]), ages=ages)
    pieces = iter(response.response)
    assert next(pieces) == b": \n\n"
    streams.ended.add(OPERATOR.key_id)

    assert list(pieces) == []
    response.close()
    assert streams.told == []
    assert streams.places.taken == 0


def test_a_large_frame_is_written_in_parts() -> None:
    response = Streams().respond(iter([b"x" * (2 * WRITE_BYTES + 1)]))

    assert [len(piece) for piece in response.response if isinstance(piece, bytes)] == [WRITE_BYTES, WRITE_BYTES, 1]


def test_a_stream_that_never_begins_gives_its_place_back() -> None:
    streams = Streams()
    response = streams.respond(iter([LAST]))
    assert streams.places.taken == 1

    del response

    assert streams.places.taken == 0
    assert streams.told == ["gone"]


def test_a_key_and_a_process_have_so_many_places() -> None:
    places = StreamPlaces(per_key=2, per_process=3)
    held = [places.take("a"), places.take("a"), places.take("b")]
    for key in ("a", "b", "c"):
        with pytest.raises(TooManyStreams):
            places.take(key)

    for _ in range(2):
        held[0].give_back()

    assert places.taken == 2
    places.take("c")


def test_a_place_for_a_stream_that_was_not_made_is_given_back() -> None:
    places = StreamPlaces(per_key=1, per_process=1)
    with pytest.raises(StoreUnavailable), places.take("a"):
        raise StoreUnavailable

    with places.take("a") as place:
        kept = place.hand_on()

    assert places.taken == 1
    kept.give_back()
    assert places.taken == 0

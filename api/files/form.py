"""Reads a multipart form as it arrives, so that a file in it is never held whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import NEED_DATA, Data, Epilogue, Event, Field, File, MultipartDecoder

from api.errors import InvalidRequest, MalformedBody, UnsupportedBody
from api.files.settings import PIECE_BYTES

MOST_BYTES_BESIDE = 64 * 1024
"""What of a form may be no file: boundaries, headers, fields."""

_LONGEST_BOUNDARY = 200  # RFC 2046 has 70, and some clients do not know
_LONGEST_FIELD = 1024
_LONGEST_LINE = 4096


@dataclass(frozen=True, slots=True)
class FormPart:
    """A part of a form; `filename` is None for a plain field. Its data is to be taken before the next part."""

    name: str
    filename: str | None
    data: Iterator[bytes]

    def text(self) -> str:
        """The value of a plain field; raises InvalidRequest."""
        value = b""
        for piece in self.data:
            value += piece
            if len(value) > _LONGEST_FIELD:
                raise InvalidRequest.of(self.name, f"is longer than {_LONGEST_FIELD} bytes")
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise InvalidRequest.of(self.name, "is not UTF-8") from error


def boundary_of(mimetype: str, boundary: str | None) -> bytes:
    """What stands between the parts; raises UnsupportedBody."""
    if mimetype != "multipart/form-data" or not boundary:
        raise UnsupportedBody.of("Content-Type", "must be multipart/form-data with a boundary")
    if len(boundary) > _LONGEST_BOUNDARY or not boundary.isascii():
        raise UnsupportedBody.of(
            "Content-Type", f"has a boundary that is not up to {_LONGEST_BOUNDARY} characters of ASCII"
        )
    return boundary.encode()


def parts_of(pieces: Iterator[bytes], boundary: bytes) -> Iterator[FormPart]:
    """The parts in their order; raises MalformedBody for what is no form, or ends too early."""
    events = _events(pieces, boundary)
    for event in events:
        if isinstance(event, Field | File):
            if not isinstance(event.name, str):
                raise MalformedBody.of("body", "has a part without a name")
            filename = event.filename if isinstance(event, File) else None
            part = FormPart(event.name, filename, _data(events))
            yield part
            for _ in part.data:  # what was not taken
                pass


def _data(events: Iterator[Event]) -> Iterator[bytes]:
    for event in events:
        if isinstance(event, Data):
            if event.data:
                yield event.data
            if not event.more_data:
                return


def _events(pieces: Iterator[bytes], boundary: bytes) -> Iterator[Event]:
    decoder = MultipartDecoder(boundary, max_form_memory_size=PIECE_BYTES + MOST_BYTES_BESIDE)
    is_over = False
    pieces = _cut_between_lines(pieces, b"--" + boundary)
    while True:
        try:
            event = decoder.next_event()
            if event is NEED_DATA:
                piece = next(pieces, None)
                is_over = piece is None
                decoder.receive_data(piece)
                continue
        except RequestEntityTooLarge as error:
            raise MalformedBody.of("body", "has headers, or something around its parts, that is too long") from error
        except ValueError as error:
            words = "ends before its last boundary" if is_over else "is no well-formed multipart form"
            raise MalformedBody.of("body", words) from error
        yield event
        if isinstance(event, Epilogue):
            return


def _cut_between_lines(pieces: Iterator[bytes], delimiter: bytes) -> Iterator[bytes]:
    """The same bytes, with no cut inside a line that begins as a boundary does.

    Of a boundary that it does not see to the end of its line, Werkzeug takes the line break before it for data.
    """
    held = b""
    for piece in pieces:
        held += piece
        place = _begin_of_boundary(held, delimiter)
        if b"\n" in held[place:] or len(held) - place > _LONGEST_LINE:
            place = len(held)
        if place:
            yield held[:place]
            held = held[place:]
    if held:
        yield held


def _begin_of_boundary(data: bytes, delimiter: bytes) -> int:
    """Where the last one begins, also if it is not whole yet; the length of *data* if there is none."""
    place = data.rfind(delimiter)
    if place >= 0:
        return place
    lengths = range(min(len(delimiter), len(data)), 0, -1)
    return len(data) - next((length for length in lengths if data.endswith(delimiter[:length])), 0)

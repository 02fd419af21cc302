"""The body of a request, a piece at a time."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Request

from api.body_deadline import renew_deadline
from api.errors import MalformedBody, UnsupportedBody
from api.files.settings import PIECE_BYTES


def pieces_of_body(request: Request) -> Iterator[bytes]:
    """As it arrives, never whole; each piece may take as long as elsewhere a whole body.

    So a body comes at no less than `PIECE_BYTES` in that time, and nobody holds a connection by dawdling.
    Raises SlowBody or MalformedBody.
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedBody.of("Content-Encoding", "must be absent: bodies are not decompressed")
    stream, left = request.environ["wsgi.input"], request.content_length
    if left is None and not request.environ.get("wsgi.input_terminated"):
        return
    while left is None or left > 0:
        renew_deadline(request.environ)
        try:
            piece: bytes = stream.read(PIECE_BYTES if left is None else min(PIECE_BYTES, left))
        except (OSError, ValueError) as error:
            raise MalformedBody.of("body", "was cut off, or is not sent in well-formed chunks") from error
        if not piece:
            return
        left = None if left is None else left - len(piece)
        yield piece

"""The bytes of a file as an answer, whole or a range of them (RFC 9110, 14)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from flask import Request, Response
from werkzeug.http import parse_range_header

from api.files.download import Download
from api.files.errors import RangeUnsatisfiable
from api.files.names import disposition
from api.reader_socket import connection_of
from jobs.files.file import File, FilePart
from jobs.files.store import FileStore
from storage.chunks import Chunks
from storage.storage import Storage

_LAST_NONE = re.compile("bytes=-0+")


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Answers with the bytes of files; a client that takes none for `stall_seconds` is cut off."""

    store: FileStore
    storage: Storage
    stall_seconds: float

    def answer(self, file: File, request: Request) -> Response:
        """200 with all of it, or 206 with the one range that is asked for; several ranges are answered with all.

        304 for who has it. Raises RangeUnsatisfiable, FileGone or StorageTrouble.
        """
        etag = f'"{file.id}"'
        if request.if_none_match.contains_weak(file.id):
            return Response(status=HTTPStatus.NOT_MODIFIED, headers={"ETag": etag})
        asked = _range(request, file.bytes, etag)
        start, stop = asked or (0, file.bytes)
        response = Response(mimetype="application/octet-stream")
        if request.method != "HEAD":
            response.response = self._download(file, start, stop, request)
        response.content_length = stop - start
        response.headers["Content-Disposition"] = disposition(file.filename)
        response.headers["Accept-Ranges"] = "bytes"
        response.headers["ETag"] = etag
        response.headers["X-Content-Type-Options"] = "nosniff"
        if asked:
            response.status_code = HTTPStatus.PARTIAL_CONTENT
            response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{file.bytes}"
        return response

    def _download(self, file: File, start: int, stop: int, request: Request) -> Download:
        """The first part is opened at once, so that one that is gone is answered as such."""
        sources = (self._open(*one) for one in parts_between(self.store.parts(file), start, stop))
        return Download(
            next(sources, None), sources, connection=connection_of(request.environ, stall_seconds=self.stall_seconds)
        )

    def _open(self, part: FilePart, start: int, stop: int) -> Chunks:
        return self.storage.read(part.name, start, stop)


def parts_between(parts: Sequence[FilePart], start: int, stop: int) -> Iterator[tuple[FilePart, int, int]]:
    """Those that hold bytes from *start* up to *stop* of the whole, each with from where to where in itself."""
    place = 0
    for part in parts:
        first, last = max(start - place, 0), min(stop - place, part.bytes)
        if first < last:
            yield part, first, last
        place += part.bytes


def _range(request: Request, length: int, etag: str) -> tuple[int, int] | None:
    """From where up to where, None for all. What cannot be read is passed over, as the RFC has it."""
    header = request.headers.get("Range", "").strip()
    if _LAST_NONE.fullmatch(header):
        raise RangeUnsatisfiable(length)
    asked = parse_range_header(header)
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return None
    if request.headers.get("If-Range", etag) != etag:
        return None
    start, stop = asked.ranges[0]
    start = max(0, length + start) if start < 0 else start  # the last so many, or all where there are fewer
    stop = length if stop is None else min(stop, length)
    if start >= stop:
        raise RangeUnsatisfiable(length)
    return start, stop

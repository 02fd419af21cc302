"""The lines of a batch's output that stand in committed parts, while it runs and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flask import Request, Response

from api.batches.batch_waiting import told_lines
from api.files.download import Download
from api.reader_socket import connection_of
from jobs.batches.batch import Batch, Part, PartKind
from jobs.batches.store import BatchStore
from jobs.files.store import FileStore
from storage.chunks import Chunks
from storage.storage import Storage

MEDIA_TYPE = "application/jsonl"
_PARTS_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class CommittedOutput:
    """Answers with lines; a client that takes none for `stall_seconds` is cut off."""

    batches: BatchStore
    files: FileStore
    storage: Storage
    stall_seconds: float

    def answer(self, batch: Batch, kind: PartKind, after: int, request: Request) -> Response:
        """All lines of the kind behind the first *after*, of the batch as it was read.

        Raises FileNotFound, FileGone or StorageTrouble.
        """
        told = told_lines(batch, kind)
        file_id = batch.output_file_id if kind == "output" else batch.error_file_id
        if file_id is not None:
            self.files.find(batch.tenant, file_id)
        parts, skipped = self._parts_behind(batch, kind, told - after)
        start = self._start_behind(parts[0], skipped) if parts else 0
        response = Response(mimetype=MEDIA_TYPE)
        if request.method != "HEAD":
            response.response = self._download(parts, start, request)
        response.content_length = sum(part.bytes for part in parts) - start
        response.headers["Next-After"] = str(max(after, told))
        response.headers["Batch-Status"] = batch.status.value
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    def _parts_behind(self, batch: Batch, kind: PartKind, wanted: int) -> tuple[list[Part], int]:
        """The parts with the last *wanted* lines, and how many others stand before these in the first of them.

        They are looked for from the end, so that who asks often for what is new has little looked through.
        """
        last = batch.output_parts if kind == "output" else batch.error_parts
        found: list[Part] = []
        while wanted > 0 and last > 0:
            first = max(1, last - _PARTS_AT_ONCE + 1)
            for part in reversed(self.batches.parts(batch.tenant, batch.id, kind, first=first, most=last - first + 1)):
                found.append(part)
                wanted -= part.lines
                if wanted <= 0:
                    break
            last = first - 1
        return found[::-1], max(0, -wanted) if found else 0

    def _start_behind(self, part: Part, lines: int) -> int:
        """Where in a part the line begins that stands behind so many others."""
        place = 0
        if not lines:
            return place
        with self.storage.read(part.name) as chunks:
            for chunk in chunks:
                if (ends := chunk.count(b"\n")) >= lines:
                    return place + _behind(chunk, lines)
                place, lines = place + len(chunk), lines - ends
        return place

    def _download(self, parts: Sequence[Part], start: int, request: Request) -> Download:
        """The first part is opened at once, so that one that is gone is answered as such."""
        opened = self._open(parts, start)
        connection = connection_of(request.environ, stall_seconds=self.stall_seconds)
        return Download(next(opened, None), opened, connection=connection)

    def _open(self, parts: Sequence[Part], start: int) -> Iterator[Chunks]:
        for number, part in enumerate(parts):
            yield self.storage.read(part.name, 0 if number else start)


def _behind(chunk: bytes, lines: int) -> int:
    place = 0
    for _ in range(lines):
        place = chunk.index(b"\n", place) + 1
    return place

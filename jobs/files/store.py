"""Keeps what is known of files, for all tenants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import redis

from jobs.calls import milliseconds
from jobs.errors import NewerRecord
from jobs.files.errors import FileLate, FileNotFound, FilesFull
from jobs.files.file import DoomedFile, File, FilePage, FilePart, NewFile, Purpose, name_of
from jobs.keys import DEFAULT_PREFIX, Keys, ref
from jobs.scripts import SCHEMA, Moves, unavailable_as_our_error
from jobs.settings import StoreSettings

LEFT_ALONE_SECONDS = 60.0
"""How long one who deletes bytes has for it before another tries."""

_READ_AT_ONCE = 500


class FileStore:
    """A file is expected, recorded when its bytes are stored, removed or expired, and forgotten when they are deleted.

    So a crash at any moment leaves nothing in the storage that nobody knows.
    """

    def __init__(
        self, client: redis.Redis, settings: StoreSettings | None = None, *, prefix: str = DEFAULT_PREFIX
    ) -> None:
        self._client = client
        self._keys = Keys(prefix)
        self._moves = Moves(client, self._keys, settings or StoreSettings())

    def expect(self, tenant: str, file_id: str, *, within_seconds: float) -> None:
        """Say that bytes are going to be stored for it; they are due unless it is added in time. Raises StorageFull."""
        self._moves.run("expect_file", ref(tenant, file_id), milliseconds(within_seconds))

    def add(self, new: NewFile, *, most_bytes: int | None = None) -> File:
        """Record a file that was expected; *most_bytes* may all files of its tenant have.

        Raises FilesFull, FileLate or StorageFull.
        """
        verdict, *used = self._moves.run(
            "add_file",
            ref(new.tenant, new.id),
            new.filename,
            new.purpose,
            new.bytes,
            "" if new.lifetime_seconds is None else milliseconds(new.lifetime_seconds),
            "" if most_bytes is None else most_bytes,
        )
        if verdict == b"late":
            raise FileLate(new.id)
        if verdict == b"full":
            raise FilesFull(limit=most_bytes or 0, used=int(used[0]))
        return self.find(new.tenant, new.id)

    def find(self, tenant: str, file_id: str) -> File:
        """Raises FileNotFound."""
        found = self._read(tenant, [file_id])
        if not found:
            raise FileNotFound(file_id)
        return found[0]

    def parts(self, file: File) -> tuple[FilePart, ...]:
        """The pieces in which its bytes lie; none if it has no bytes."""
        if not file.bytes:
            return ()
        with unavailable_as_our_error():
            packed: Any = self._client.lrange(self._keys.tenant(file.tenant, "parts", file.id), 0, -1)
        return tuple(map(unpack_part, packed)) or (FilePart(name=file.name, bytes=file.bytes),)

    def page(
        self,
        tenant: str,
        *,
        after: str | None = None,
        limit: int = 20,
        purpose: str | None = None,
        is_oldest_first: bool = False,
    ) -> FilePage:
        """Files, newest first or oldest, from behind the id *after*. Raises FileNotFound if that is none of them."""
        listed = self._keys.owned(tenant, "files")
        rank = self._client.zrank if is_oldest_first else self._client.zrevrank
        with unavailable_as_our_error():
            place: Any = -1 if after is None else rank(listed, after)
        if place is None:
            raise FileNotFound(after)
        files: list[File] = []
        while len(files) <= limit:
            with unavailable_as_our_error():
                ids: Any = self._client.zrange(listed, place + 1, place + _READ_AT_ONCE, desc=not is_oldest_first)
            found = self._read(tenant, [one.decode() for one in ids])
            files += [one for one in found if purpose is None or one.purpose == purpose]
            place += len(ids)
            if len(ids) < _READ_AT_ONCE:
                break
        return FilePage(files=files[:limit], has_more=len(files) > limit)

    def used_bytes(self, tenant: str) -> int:
        """How many all its files have."""
        with unavailable_as_our_error():
            used: Any = self._client.get(self._keys.owned(tenant, "filed"))
        return int(used or 0)

    def remove(self, tenant: str, file_id: str) -> bool:
        """Have nobody find it any more; whether its bytes are due, or kept for batches that have not ended.

        Raises FileNotFound or NewerRecord.
        """
        match self._moves.run("remove_file", ref(tenant, file_id)):
            case b"missing":
                raise FileNotFound(file_id)
            case b"newer":
                raise NewerRecord(file_id)
            case answer:
                return bool(answer == b"ok")

    def due(self, *, most: int = 20) -> list[DoomedFile]:
        """Files whose bytes are to be deleted: removed, expired, or expected in vain; others get them a minute later.

        Of one in very many parts some come, and the rest once these are forgotten.
        """
        found = self._moves.run("due_files", most, milliseconds(LEFT_ALONE_SECONDS))
        return [_doomed(named.decode(), parts) for named, *parts in found]

    def forget(self, doomed: DoomedFile) -> bool:
        """Forget what was deleted; whether nothing of the file is left."""
        return bool(self._moves.run("forget_file", ref(doomed.tenant, doomed.id), len(doomed.names)))

    def _read(self, tenant: str, ids: list[str]) -> list[File]:
        """Those that can be found."""
        with unavailable_as_our_error(), self._client.pipeline(transaction=False) as pipeline:
            pipeline.time()
            for file_id in ids:
                pipeline.hgetall(self._keys.tenant(tenant, "file", file_id))
            (seconds, micros), *records = pipeline.execute()
        now = int(seconds) + int(micros) / 1e6
        files = [_file(tenant, file_id, raw) for file_id, raw in zip(ids, records, strict=True) if _is_known(raw)]
        return [file for file in files if file.expires_at is None or file.expires_at > now]


def pack_part(part: FilePart) -> str:
    """As the list of a file's parts holds it."""
    return f"{part.bytes} {part.name}"


def unpack_part(packed: bytes) -> FilePart:
    length, name, *_ = packed.decode().split(" ")
    return FilePart(name=name, bytes=int(length))


def _is_known(raw: Mapping[bytes, bytes]) -> bool:
    return bool(raw) and b"gone" not in raw and int(raw[b"schema"]) <= SCHEMA


def _file(tenant: str, file_id: str, raw: Mapping[bytes, bytes]) -> File:
    fields = {name.decode(): value.decode() for name, value in raw.items()}
    return File(
        id=file_id,
        tenant=tenant,
        filename=fields["filename"],
        purpose=Purpose(fields["purpose"]),
        bytes=int(fields["bytes"]),
        created_at=float(fields["created"]) / 1000,
        expires_at=float(fields["expires"]) / 1000 if "expires" in fields else None,
    )


def _doomed(named: str, packed: list[bytes]) -> DoomedFile:
    tenant, _, file_id = named.partition("/")
    names = tuple(unpack_part(one).name for one in packed) or (name_of(tenant, file_id),)
    return DoomedFile(id=file_id, tenant=tenant, names=names)

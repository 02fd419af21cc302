"""A file that a batch can be made of."""

from __future__ import annotations

import redis

from jobs.files.file import File, NewFile, Purpose
from jobs.files.store import FileStore


def add_input(client: redis.Redis, *, tenant: str = "default", file_id: str = "file-1") -> File:
    """The record of one of seven bytes; there is one of an id, however often it is asked for."""
    files = FileStore(client)
    files.expect(tenant, file_id, within_seconds=60)
    return files.add(NewFile(id=file_id, tenant=tenant, filename="in.jsonl", purpose=Purpose.BATCH, bytes=7))

"""Hands batches in as the API would, without HTTP, and looks how far they are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from redis import Redis

from jobs.batches.batch import Batch, BatchStatus, NewBatch
from jobs.batches.store import BatchStore
from jobs.files.file import NewFile, Purpose, name_of, new_file_id
from jobs.files.store import FileStore
from jobs.ids import new_id
from storage.storage import Storage

TENANT = "default"
COMPLETIONS = "/v1/completions"
PATIENCE_SECONDS = 1800.0
"""How long anything about a batch may take."""


class Desk:
    """For batches that a runner runs whose files lie in the folder `files` of *folder*."""

    def __init__(self, client: Redis, folder: Path) -> None:
        self._batches = BatchStore(client)
        self._files = FileStore(client)
        self._storage = Storage.at(f"file://{folder}/files")

    def upload(self, bodies: Iterable[Mapping[str, Any]]) -> str:
        """The id of a file of lines with these bodies."""
        file_id = new_file_id()
        self._files.expect(TENANT, file_id, within_seconds=PATIENCE_SECONDS)
        with self._storage.create(name_of(TENANT, file_id)) as writer:
            writer.write(b"".join(_line(number, body) for number, body in enumerate(bodies)))
        file = NewFile(id=file_id, tenant=TENANT, filename="in.jsonl", purpose=Purpose.BATCH, bytes=writer.bytes)
        return self._files.add(file).id

    def accept(self, file_id: str) -> str:
        """The id of a new batch of that file."""
        batch = NewBatch(id=new_id("batch"), tenant=TENANT, endpoint=COMPLETIONS, input_file_id=file_id)
        return self._batches.accept(batch).id

    def batch(self, batch_id: str) -> Batch:
        """How it stands. Raises RuntimeError if it, or a line of it, has failed."""
        batch = self._batches.find(TENANT, batch_id)
        if batch.status is BatchStatus.FAILED or batch.failed:
            raise RuntimeError(f"a batch fails: {batch}")
        return batch

    def told(self, batch_ids: Iterable[str]) -> int:
        """How many lines stand in the output of these batches."""
        return sum(self.batch(batch_id).completed for batch_id in batch_ids)


def _line(number: int, body: Mapping[str, Any]) -> bytes:
    line = {"custom_id": f"line-{number}", "method": "POST", "url": COMPLETIONS, "body": body}
    return json.dumps(line).encode() + b"\n"

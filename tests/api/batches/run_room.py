"""A batch that is claimed and whose lines may become jobs, on a real store and a storage in a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from celery import Celery
from redis import Redis

from api.batches.batch_input import BatchInput
from api.batches.gathering import Gathering
from api.batches.limits import BatchLimits
from api.batches.line_feed import LineFeed
from api.batches.line_submissions import LineSubmissions
from api.batches.validating import validate_batch
from api.batches.work import Work
from api.model_gate import ModelGate
from jobs.batches.batch import BatchLease, NewBatch
from jobs.batches.store import BatchStore
from jobs.files.file import NewFile, Purpose, name_of, new_file_id
from jobs.files.store import FileStore
from jobs.ids import new_id
from jobs.store import JobStore
from models.catalog import Catalog
from resilience.circuit.circuits import Circuits
from storage.storage import Storage
from tasks.dispatch import Dispatcher

TENANT = "default"
CHAT = "/v1/chat/completions"


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
"""Of the request that has made the batch."""


class RunRoom:
    """Everything that a run takes, with a clock that the test sets."""

    def __init__(self, client: Redis, app: Celery, circuits: Circuits, catalog: Catalog, storage: Storage) -> None:
        self.time = 1000.0
        self.jobs = JobStore(client)
        self.batches = BatchStore(client)
        self.files = FileStore(client)
        self.storage = storage
        self.work = self._work(app, circuits, catalog)

    def _work(self, app: Celery, circuits: Circuits, catalog: Catalog) -> Work:
        submissions = LineSubmissions(
            store=self.jobs,
            dispatcher=Dispatcher(self.jobs, app, circuits),
            gate=ModelGate(circuits),
            clock=lambda: self.time,
        )
        return Work(
            batches=self.batches,
            jobs=self.jobs,
            storage=self.storage,
            submissions=submissions,
            catalog=catalog,
            limits=BatchLimits(),
            draw_seed=lambda: 7,
            clock=lambda: self.time,
            now=lambda: self.time,
        )

    def claimed(self, *lines: bytes) -> BatchLease:
        """A valid batch of these lines."""
        lease = self.to_validate(*lines)
        validate_batch(self.work, lease, check=lambda: None)
        batch = self.batches.find(TENANT, lease.batch.id)
        return BatchLease(batch=batch, token=lease.token, runner=lease.runner)

    def to_validate(self, *lines: bytes) -> BatchLease:
        """A batch of these lines that nobody has looked through."""
        data = b"".join(line + b"\n" for line in lines)
        file_id = new_file_id()
        self.files.expect(TENANT, file_id, within_seconds=600)
        with self.storage.create(name_of(TENANT, file_id)) as writer:
            writer.write(data)
        new = NewFile(id=file_id, tenant=TENANT, filename="in.jsonl", purpose=Purpose.BATCH, bytes=len(data))
        self.files.add(new)
        batch = NewBatch(
            id=new_id("batch"), tenant=TENANT, endpoint=CHAT, input_file_id=file_id, traceparent=TRACE, is_traced=True
        )
        self.batches.accept(batch)
        lease = self.batches.claim(f"{TENANT}/{batch.id}", "runner-1")
        assert lease is not None
        return lease

    def feed(self, lease: BatchLease, catalog: Catalog | None = None) -> LineFeed:
        batch = lease.batch
        name = name_of(TENANT, batch.input_file_id)
        source = BatchInput(storage=self.storage, input_name=name, order_name=batch.order_name or "")
        reader = self.work.reader(batch)
        if catalog is not None:
            reader = type(reader)(endpoint=reader.endpoint, catalog=catalog, draw_seed=reader.draw_seed)
        return LineFeed(
            work=self.work, lease=lease, source=source, reader=reader, position=batch.position, total=batch.total
        )

    def gathering(self, lease: BatchLease) -> Gathering:
        return Gathering.of(self.work, lease)

    def lines(self, lease: BatchLease) -> list[str]:
        """Ids of the jobs of the batch that are open."""
        return self.batches.open_lines(lease)

    def answers(self, lease: BatchLease, *kinds: Any) -> list[dict[str, Any]]:
        """What stands in the committed parts."""
        parts = [part for kind in kinds for part in self.batches.parts(TENANT, lease.batch.id, kind)]
        texts = [b"".join(self.storage.read(part.name)) for part in parts]
        return [json.loads(line) for line in b"".join(texts).splitlines()]


def catalog_of(folder: Path, *, max_tokens: int = 100) -> Catalog:
    """One model, with room for five waiting jobs."""
    path = folder / f"models-{max_tokens}.yaml"
    limits = f"{{max_tokens: {max_tokens}, max_waiting: 5}}"
    path.write_text(f"models:\n  poet:\n    engine: scripted\n    limits: {limits}\n")
    return Catalog.load(path)

"""Batches over HTTP; what a runner does with them is done by hand, over the store, as a runner does it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from api.process import ApiProcess
from jobs.batches.batch import BatchLease, BatchStatus, BatchUsage, Ending, Part, PartKind
from jobs.batches.ids import line_job_id, part_name
from jobs.batches.store import BatchStore
from jobs.files.store import FileStore
from jobs.job import Priority
from jobs.new_job import LineOfBatch, NewJob
from jobs.request import InferenceRequest, RequestType, SamplingParams
from jobs.store import JobStore
from storage.storage import Storage
from tests.api.conftest import Api

STORAGE = "memory://batch-calls"
ENDPOINT = "/v1/chat/completions"


class Runner:
    """Runs batches of the tenant `default` by hand."""

    def __init__(self, client: Redis) -> None:
        self.batches = BatchStore(client)
        self.jobs = JobStore(client)
        self.storage = Storage.at(STORAGE)

    def claim(self, batch_id: str) -> BatchLease:
        lease = self.batches.claim(f"default/{batch_id}", "r1")
        assert lease is not None
        return lease

    def begin(self, batch_id: str, lines: int) -> BatchLease:
        lease = self.claim(batch_id)
        assert self.batches.validated(lease, total=lines, model="poet", order_name="order")
        return lease

    def tell(self, lease: BatchLease, *texts: str, kind: PartKind = "output") -> Part:
        """Have the next lines stand in the output, in a part of their own."""
        batch = self.batches.find("default", lease.batch.id)
        number = 1 + (batch.output_parts if kind == "output" else batch.error_parts)
        name = part_name("default", batch.id, kind, number, lease.token)
        with self.storage.create(name) as writer:
            writer.write("".join(f"{text}\n" for text in texts).encode())
        part = Part(kind=kind, number=number, name=name, lines=len(texts), bytes=writer.bytes)
        completed = len(texts) if kind == "output" else 0
        assert self.batches.commit(
            lease,
            [part],
            completed=completed,
            failed=len(texts) - completed,
            usage=BatchUsage(prompt_tokens=3 * completed, completion_tokens=4 * completed, cached_tokens=completed),
            position=batch.position + len(texts),
        )
        return part

    def end(self, lease: BatchLease, status: Ending = BatchStatus.COMPLETED) -> None:
        if status is BatchStatus.COMPLETED:
            assert self.batches.finalize(lease)
        assert self.batches.end(lease, status)

    def submit(self, lease: BatchLease) -> str:
        """The first line becomes a job."""
        request = InferenceRequest(
            model="poet", type=RequestType.COMPLETION, prompt="Hark!", params=SamplingParams(max_tokens=8, seed=3)
        )
        new = NewJob(
            id=line_job_id(lease.batch.id, 1),
            tenant="default",
            request=request,
            priority=Priority.BATCH,
            line=LineOfBatch(batch_id=lease.batch.id, token=lease.token, position=0),
        )
        return self.jobs.accept(new).job_id


class Desk:
    """A client of batches and its files."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def of(self, tenant: str, *scopes: str) -> Desk:
        return Desk(self.api.of(tenant, *scopes))

    def send_file(self, text: bytes = b"{}\n", **fields: str) -> str:
        form = {"file": (io.BytesIO(text), "lines.jsonl"), "purpose": "batch", **fields}
        answer = self.api.send("POST", "/v1/files", data=form)
        assert answer.status_code == 200, answer.text
        return str(answer.json["id"])

    def create(self, file_id: str, *, key: str | None = None, **changes: Any) -> Any:
        body = {"input_file_id": file_id, "endpoint": ENDPOINT, "completion_window": "24h"} | changes
        headers = {"Idempotency-Key": key} if key else {}
        return self.api.send("POST", "/v1/batches", json=body, headers=headers)

    def make(self, **changes: Any) -> str:
        answer = self.create(self.send_file(), **changes)
        assert answer.status_code == 200, answer.text
        return str(answer.json["id"])

    def find(self, batch_id: str) -> Any:
        return self.look(batch_id).json

    def look(self, batch_id: str, **headers: str) -> Any:
        return self.api.get(f"/v1/batches/{batch_id}", **headers)

    def output(self, batch_id: str, after: int = 0, kind: str = "output", **headers: str) -> Any:
        return self.api.get(f"/v1/batches/{batch_id}/output?after={after}&kind={kind}", **headers)


def told_line(number: int) -> str:
    return json.dumps({"custom_id": f"line-{number}", "response": {"body": "so it goes, " * number}})


@pytest.fixture(scope="session")
def process_with_storage(make_process: Callable[..., ApiProcess]) -> ApiProcess:
    return make_process({"FILES_URL": STORAGE})


@pytest.fixture
def desk(process_with_storage: ApiProcess, redis_url: str) -> Desk:
    del redis_url
    return Desk(Api(process_with_storage.test_client()))


@pytest.fixture
def runner(redis_client: Redis) -> Runner:
    return Runner(redis_client)


@pytest.fixture
def file_store(redis_client: Redis) -> FileStore:
    return FileStore(redis_client)

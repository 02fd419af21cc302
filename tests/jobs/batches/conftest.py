from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from jobs.batches.batch import Batch, BatchLease, BatchStatus, NewBatch, Part, PartKind
from jobs.batches.ids import line_job_id, part_name
from jobs.batches.store import BatchStore
from jobs.job import Job, JobState, Outcome, Priority, Usage
from jobs.lease import Lease
from jobs.new_job import LineOfBatch, NewJob
from jobs.request import InferenceRequest, RequestType, SamplingParams
from jobs.settings import StoreSettings
from jobs.store import JobStore
from jobs.token_run import TokenRun
from jobs.webhooks.event_list import EventList
from tests.jobs.input_file import add_input
from tests.jobs.turned_clock import TurnedClock

TENANT = "default"
MODEL = "m"
WORKER = "w1"
EPOCH = 1_800_000_000.0
DONE = Outcome(
    state=JobState.SUCCEEDED,
    text="upon a time",
    finish_reason="stop",
    usage=Usage(prompt_tokens=2, completion_tokens=3),
)


class Desk:
    """Batches, a runner and a worker of theirs, and a clock that the test turns."""

    def __init__(self, client: TurnedClock, settings: StoreSettings) -> None:
        self.client = client
        self.batches = BatchStore(client, settings)
        self.store = JobStore(client, settings)
        self.events = EventList(client)
        self.now = EPOCH
        self._numbers = itertools.count(1)
        self.wait(0)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.client.turn_to(round(self.now * 1000))

    # --- batches

    def accept(self, **changes: Any) -> Batch:
        new = NewBatch(
            id=f"batch_{next(self._numbers):03}", tenant=TENANT, endpoint="/v1/completions", input_file_id="file-1"
        )
        new = replace(new, **changes)
        if new.input_file_id == "file-1":
            add_input(self.client, tenant=new.tenant)
        return self.batches.accept(new)

    def try_claim(self, batch: Batch, runner: str = "r1") -> BatchLease | None:
        return self.batches.claim(f"{batch.tenant}/{batch.id}", runner)

    def claim(self, batch: Batch, runner: str = "r1") -> BatchLease:
        lease = self.try_claim(batch, runner)
        assert lease is not None
        return lease

    def take_over(self, lease: BatchLease, runner: str = "r2") -> BatchLease:
        """Another runner claims after this one has been silent for a whole lease."""
        self.wait(self.batches.settings.lease_seconds)
        return self.claim(lease.batch, runner)

    def begin(self, lines: int = 3, **changes: Any) -> BatchLease:
        """A batch that is claimed and valid; none of its lines has had its turn."""
        lease = self.claim(self.accept(**changes))
        assert self.batches.validated(lease, total=lines, model=MODEL, order_name="order")
        return lease

    def find(self, lease: BatchLease) -> Batch:
        return self.batches.find(lease.batch.tenant, lease.batch.id)

    def status(self, lease: BatchLease) -> BatchStatus:
        return self.find(lease).status

    # --- lines

    def line(self, lease: BatchLease, position: int, **changes: Any) -> NewJob:
        params = SamplingParams(max_tokens=8, seed=3)
        request = InferenceRequest(model=MODEL, type=RequestType.COMPLETION, prompt="Once", params=params)
        new = NewJob(
            id=line_job_id(lease.batch.id, position + 1),
            tenant=lease.batch.tenant,
            request=request,
            priority=Priority.BATCH,
            retention_seconds=100.0,
            line=LineOfBatch(batch_id=lease.batch.id, token=lease.token, position=position),
        )
        return replace(new, **changes)

    def submit(self, lease: BatchLease, count: int = 1, **changes: Any) -> list[str]:
        """The next lines become jobs."""
        first = self.find(lease).position
        return [
            self.store.accept(self.line(lease, position, **changes)).job_id for position in range(first, first + count)
        ]

    def claim_jobs(self) -> list[Lease]:
        """A worker takes all that it gets."""
        self.store.heartbeat(WORKER, model=MODEL, slots=64, instance="w1#1")
        claims = [
            self.store.claim(job_id, model=MODEL, worker=WORKER, claim_id=f"c{next(self._numbers)}", can_continue=True)
            for job_id in self.store.dispatch(MODEL)
        ]
        return [lease for lease in claims if isinstance(lease, Lease)]

    def finish(self, lease: Lease, outcome: Outcome = DONE) -> None:
        assert self.store.finish(lease, outcome, tokens=TokenRun(ids=(1,), pieces=("upon",))) == "ok"

    def run(self, lease: BatchLease, count: int = 1, **changes: Any) -> list[str]:
        """The next lines become jobs, and succeed."""
        ids = self.submit(lease, count, **changes)
        for job in self.claim_jobs():
            self.finish(job)
        return ids

    def ended(self, lease: BatchLease) -> list[str]:
        return [line.job_id for line in self.batches.ended(lease, 1000)]

    def job(self, job_id: str) -> Job:
        return self.store.find(TENANT, job_id)

    # --- output

    def part(self, lease: BatchLease, lines: int, kind: PartKind = "output") -> Part:
        """The next part of a kind."""
        batch = self.find(lease)
        number = 1 + (batch.output_parts if kind == "output" else batch.error_parts)
        name = part_name(batch.tenant, batch.id, kind, number, lease.token)
        return Part(kind=kind, number=number, name=name, lines=lines, bytes=10 * lines)

    def commit(self, lease: BatchLease, taken: list[str]) -> bool:
        """As lines that completed, in one part."""
        part = self.part(lease, len(taken))
        return self.batches.commit(lease, [part], taken=taken, completed=len(taken), failed=0)

    def keys(self) -> set[str]:
        found: Any = self.client.keys("frontier:*")
        return {key.decode() for key in found}


@pytest.fixture
def settings() -> StoreSettings:
    return StoreSettings()


@pytest.fixture
def desk(redis_url: str, settings: StoreSettings) -> Iterator[Desk]:
    with TurnedClock.from_url(redis_url) as client:
        yield Desk(client, settings)

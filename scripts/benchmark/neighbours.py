"""A system that two tenants share: one keeps it busy, the other submits one job at a time."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from threading import Event, Thread

from redis import Redis

from api.asked_job import Submission
from api.model_gate import ModelGate
from api.submission import Submissions
from jobs.ids import new_id
from jobs.job import Job, JobState
from jobs.request import RequestType
from jobs.store import JobStore
from models.catalog import Catalog
from resilience.circuit.circuits import Circuits
from scripts.benchmark import servers
from scripts.benchmark.crowd import crowd
from scripts.benchmark.scripted import MODEL, clock_config
from tasks.app import make_app
from tasks.dispatch import Dispatcher

SLOTS = 8
MARGIN = 2
"""Jobs that the broker holds beside those in the slots, so that no slot has to wait for its next job."""
TOKENS_PER_SECOND = 80.0
NEIGHBOUR, MODEST = "neighbour", "modest"
LENGTHS = (8, 12, 16, 20, 24)
"""Tokens of the neighbour's jobs in turn, so that slots are freed one by one."""
_POLL_SECONDS = 0.005
_PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Visit:
    """How long a job of the modest tenant waited, in seconds, and whether it found every slot taken."""

    wait: float
    found_full: bool


@dataclass(frozen=True, kw_only=True)
class Street:
    """Submits for both, as the API does."""

    client: Redis
    store: JobStore
    submissions: Submissions

    @classmethod
    @contextmanager
    def open(cls, folder: Path) -> Iterator[Street]:
        config = clock_config(folder, slots=SLOTS, tokens_per_second=TOKENS_PER_SECOND)
        with (
            servers.redis(folder / "redis") as url,
            servers.worker(folder, redis_url=url, config=config),
            servers.connected(url) as client,
            make_app(url) as app,
        ):
            store = JobStore(client)
            circuits = Circuits(client, random=Random())  # noqa: S311 - no secret
            submissions = Submissions(
                store=store,
                dispatcher=Dispatcher(store, app, circuits),
                catalog=Catalog.load(config),
                new_id=new_id,
                draw_seed=partial(secrets.randbelow, 2**53),
                clock=time.time,
                gate=ModelGate(circuits),
            )
            yield cls(client=client, store=store, submissions=submissions)

    def submit(self, tenant: str, tokens: int) -> str:
        """The id of a new job."""
        submission = Submission(
            type=RequestType.COMPLETION, fingerprint="0" * 32, prompt="What hour?", params={"max_tokens": tokens}
        )
        return self.submissions.submit(submission, tenant=tenant).job_id

    def queue_up(self, jobs: int) -> None:
        """Have the neighbour submit so many jobs at once."""
        crowd(range(jobs), lambda number: self.submit(NEIGHBOUR, LENGTHS[number % len(LENGTHS)]), clients=4)

    @contextmanager
    def kept_busy(self, in_flight: int) -> Iterator[None]:
        """The neighbour has so many jobs open all the time, if more do not wait anyway."""
        over = Event()
        lengths = itertools.cycle(LENGTHS)

        def keep() -> None:
            while not over.wait(_POLL_SECONDS):
                for _ in range(in_flight - self._open()):
                    self.submit(NEIGHBOUR, next(lengths))

        thread = Thread(target=keep, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def visits(self, jobs: int) -> list[Visit]:
        """The modest tenant's jobs, each submitted after the last; they wait from acceptance to the first token."""
        return [self._visit() for _ in range(jobs)]

    def _visit(self) -> Visit:
        found_full = self.store.queue(MODEL, MODEST).running >= SLOTS
        return Visit(self._wait_of(self._end(self.submit(MODEST, LENGTHS[0]))), found_full)

    def _end(self, job_id: str) -> Job:
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until:
            job = self.store.find(MODEST, job_id)
            if job.is_final:
                return job
            time.sleep(_POLL_SECONDS)
        raise TimeoutError(f"a job has not ended within {_PATIENCE_SECONDS:g} s")

    @staticmethod
    def _wait_of(job: Job) -> float:
        if job.state is not JobState.SUCCEEDED or job.started_at is None or job.timing.ttft_seconds is None:
            raise RuntimeError(f"a job has not succeeded: {job.error}")
        return job.started_at - job.created_at + job.timing.ttft_seconds

    def _open(self) -> int:
        with self.client.pipeline(transaction=False) as pipeline:
            for state in (JobState.QUEUED, JobState.RUNNING):
                pipeline.zcard(self.store.keys.tenant(NEIGHBOUR, "state", state.value))
            return sum(pipeline.execute())

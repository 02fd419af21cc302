"""The store and the plain model of it side by side, what there is to choose from, and what always holds."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from operator import methodcaller
from typing import Any, ClassVar

from hypothesis.stateful import RuleBasedStateMachine, invariant

from jobs.batches.batch import BatchLease, NewBatch
from jobs.batches.store import BatchStore
from jobs.errors import JobError
from jobs.job import Job
from jobs.lease import Lease
from jobs.new_job import NewJob
from jobs.queues import QueueStatus
from jobs.settings import StoreSettings
from jobs.store import JobStore
from jobs.tenants import TenantStore
from tests.jobs.input_file import add_input
from tests.jobs.plain_batches import PlainBatch
from tests.jobs.plain_model import PlainModel
from tests.jobs.record_check import RecordCheck
from tests.jobs.turned_clock import TurnedClock

TENANTS = ("default", "other")
MODELS = ("m", "n")
WORKERS = {"m1": "m", "m2": "m", "n1": "n"}
EPOCH = 1_800_000_000_000
SETTINGS = StoreSettings(
    lease_seconds=10,
    sweep_seconds=15,
    deadline_seconds=300,
    dispatch_grace_seconds=15,
    longest_grace_seconds=40,
    sweep_limit=4,
)
"""Times of one order of magnitude, so that any may come before any other; a minute without a sweep is an outage."""


class SideBySide(RuleBasedStateMachine):
    """What is told by the store must be what the model tells, and what Redis keeps what the model knows."""

    client: ClassVar[TurnedClock]

    def __init__(self) -> None:
        super().__init__()
        self.client.flushdb()
        self.store = JobStore(self.client, SETTINGS)
        self.tenants = TenantStore(self.client, SETTINGS)
        self.model = PlainModel(SETTINGS, EPOCH)
        self.records = RecordCheck(self.client, self.model, tenants=TENANTS, models=MODELS)
        self.submits: dict[str, NewJob] = {}
        self.leases: dict[str, Lease] = {}
        self.claims: list[tuple[str, str, str]] = []
        self.numbers = itertools.count(1)
        self.batches = BatchStore(self.client, SETTINGS)
        self.runs: dict[str, BatchLease] = {}
        self.turn_to(EPOCH)
        for tenant in TENANTS:
            self.begin_batch(tenant)

    def begin_batch(self, tenant: str) -> None:
        """A batch that somebody runs, with more lines than there are moves."""
        new = NewBatch(id=f"batch_{tenant}", tenant=tenant, endpoint="/v1/completions", input_file_id="file-1")
        add_input(self.client, tenant=tenant)
        self.batches.accept(replace(new, window_seconds=1e9))
        lease = self.batches.claim(f"{tenant}/{new.id}", "r")
        assert lease is not None
        assert self.batches.validated(lease, total=10**6, model="m", order_name="order")
        self.runs[tenant] = lease
        self.model.batches[new.id] = PlainBatch(new.id, tenant, lease.token)

    def both(self, call: Callable[[Any], Any]) -> Any:
        """What both answer; a refusal is an answer too."""
        told, expected = answer(call, self.store), answer(call, self.model)
        assert told == expected
        return told

    def turn_to(self, instant: int) -> None:
        self.model.now = instant
        self.client.turn_to(instant)

    # --- what the rules choose from

    @property
    def recent(self) -> list[str]:
        """Jobs, newest first; some may be gone by now."""
        return list(self.submits)[:-11:-1]

    @property
    def usable_leases(self) -> list[str]:
        """Those that hold, twice, and some that held once."""
        held = [lease_name(job.new.id, job.token) for job in self.model.jobs.values() if job.is_running]
        return held * 2 + list(self.leases)[:-6:-1]

    @property
    def sleepers(self) -> list[str]:
        """Leases of rescued jobs that nobody has claimed since."""
        jobs = [job for job in self.model.jobs.values() if job.place and job.token_of_the_lost]
        return [lease_name(job.new.id, job.token) for job in jobs]

    @property
    def dispatched(self) -> list[str]:
        return [job.new.id for model in MODELS for job in self.model.window_of(model)]

    @property
    def known(self) -> list[str]:
        return [job.new.id for job in self.model.jobs.values()]

    @property
    def wanted(self) -> list[str]:
        """Running jobs, and then any."""
        running = [job.new.id for job in self.model.jobs.values() if job.is_running]
        return running + self.followers[:3] + self.recent

    @property
    def leaders(self) -> list[str]:
        """Those whose run others would wait for, newest first; those that run twice."""
        ids = [job_id for job_id in reversed(self.model.leads.values()) if job_id in self.submits]
        return [job_id for job_id in ids if self.model.jobs[f"{self.submits[job_id].tenant}/{job_id}"].is_running] + ids

    @property
    def followers(self) -> list[str]:
        return [job.new.id for job in self.model.jobs.values() if job.place == "following"]

    @property
    def ended(self) -> list[str]:
        """Final jobs, those that gave up twice."""
        jobs = [job for job in self.model.jobs.values() if job.state.is_final]
        return [job.new.id for job in jobs if job.is_dead_letter] + [job.new.id for job in jobs]

    @property
    def instants(self) -> list[int]:
        """When something is to happen, soonest first, and not all of it."""
        jobs = self.model.jobs.values()
        times = [job.retires if job.state.is_final else job.due for job in jobs]
        times += [min(job.run_until, job.deadline) for job in jobs if job.claimed and not job.finished]
        times += [until for worker in self.model.workers.values() for until in (worker.silent_at, worker.kept_until)]
        times += self.model.gone.values()
        return sorted({time for time in times if time > self.model.now})[:4]

    # --- what always holds

    @invariant()
    def the_same_is_kept(self) -> None:
        self.records.check()

    @invariant()
    def the_same_is_read(self) -> None:
        for tenant in TENANTS:
            jobs = [job for job in self.model.jobs.values() if job.new.tenant == tenant]
            newest = [comparable(job.seen()) for job in sorted(jobs, key=lambda job: -job.sequence)]
            for batch in (None, f"batch_{tenant}"):
                listed = [comparable(job) for job in self.store.list(tenant, batch=batch, limit=len(jobs) + 1).jobs]
                assert listed == [job for job in newest if job.batch_id == batch]
            self.the_same_lines_are_left(tenant)
            dead = [job.new.id for job in self.model.dead_of(tenant)]
            assert [job.id for job in self.store.dead_letters(tenant, limit=len(jobs) + 1).jobs] == dead
        for new in map(self.submits.__getitem__, self.recent[:3]):
            pieces = self.both(methodcaller("tokens", new.tenant, new.id)).pieces
            assert pieces == tuple(f"{index} " for index in range(len(pieces)))
            found = self.both(methodcaller("find", new.tenant, new.id))
            if isinstance(found, Job):
                self.both(methodcaller("place", found))
        leases = list(self.leases.values())[-5:]
        self.both(lambda it: it.signals(leases))
        self.both(lambda it: it.queue("m", "default"))
        for tenant in TENANTS:
            assert self.tenants.standing(tenant) == self.model.budgets.standing(tenant, self.model.now)

    def the_same_lines_are_left(self, tenant: str) -> None:
        lease, batch = self.runs[tenant], self.model.batches[f"batch_{tenant}"]
        lines = [job for job in self.model.jobs.values() if self.model.batch_of(job) is batch]
        lines.sort(key=lambda job: job.sequence)
        assert self.batches.open_lines(lease) == [job.new.id for job in lines if not job.state.is_final]
        assert [line.job_id for line in self.batches.ended(lease, 1000)] == batch.harvest(1000)


def lease_name(job_id: str, token: int) -> str:
    return f"{job_id} at {token - EPOCH} ms"


def answer(call: Callable[[Any], Any], it: Any) -> Any:
    try:
        return comparable(call(it))
    except JobError as refusal:
        return type(refusal), refusal.args


def comparable(told: Any) -> Any:
    """Without what the model has no opinion of: versions, the wording of errors, the last digits of an age."""
    if isinstance(told, Job):
        return replace(told, version=0, error=told.error and replace(told.error, message=""))
    if isinstance(told, QueueStatus) and told.oldest_age_seconds is not None:
        return replace(told, oldest_age_seconds=round(told.oldest_age_seconds, 3))
    return told

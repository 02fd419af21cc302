"""What is known of all jobs and workers, and the few steps that moves are made of, in plain Python."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field

from jobs.errors import JobNotFound, JobRetired
from jobs.job import JobState, Priority, Usage
from jobs.keys import ref
from jobs.lease import Lease
from jobs.model_load import ModelMode
from jobs.settings import StoreSettings
from tests.jobs.plain_batches import PlainBatch
from tests.jobs.plain_budgets import PlainBudgets
from tests.jobs.plain_flows import PlainFlows
from tests.jobs.plain_job import PlainJob
from tests.jobs.plain_sharing import Told, ended, go_along

DAY = 86_400_000


@dataclass
class PlainWorker:
    """A worker's last words, and for which suspect it is kept."""

    model: str | None = None
    instance: str = ""
    slots: int = 0
    silent_at: int = 0
    kept_for: str | None = None
    kept_until: int = 0


@dataclass
class PlainRecord:
    """All jobs and workers, by the clock `now` (ms), which the test moves.

    Queues, windows, counters and indexes are not kept but read off the jobs, so that nothing can forget to update one;
    of flows, their virtual times are kept, and of tenants' digests, who leads those that come.
    """

    settings: StoreSettings
    now: int
    jobs: dict[str, PlainJob] = field(default_factory=dict)
    workers: dict[str, PlainWorker] = field(default_factory=dict)
    gone: dict[str, int] = field(default_factory=dict)
    pace: dict[str, int] = field(default_factory=dict)
    usual_cost: dict[str, int] = field(default_factory=dict)
    flows: dict[str, PlainFlows] = field(default_factory=dict)
    leads: dict[tuple[str, str], str] = field(default_factory=dict)
    reserved: dict[str, int] = field(default_factory=dict)
    modes: dict[str, tuple[ModelMode, int]] = field(default_factory=dict)
    batches: dict[str, PlainBatch] = field(default_factory=dict)
    used: dict[tuple[str, int], Counter[tuple[str, str]]] = field(default_factory=dict)
    counts: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    accepted: int = 0
    last_sweep: int | None = None

    def __post_init__(self) -> None:
        self.budgets = PlainBudgets(self.jobs)

    def flows_of(self, model: str) -> PlainFlows:
        return self.flows.setdefault(model, PlainFlows(model, self.jobs, self.budgets.weights))

    def queue_of(self, model: str) -> list[PlainJob]:
        """In no order."""
        return [job for job in self.jobs.values() if job.model == model and job.place == "queue"]

    def delayed_of(self, model: str) -> list[PlainJob]:
        return [job for job in self.jobs.values() if job.model == model and job.place == "delayed"]

    def window_of(self, model: str) -> list[PlainJob]:
        return [job for job in self.jobs.values() if job.model == model and job.place == "window"]

    def running_of(self, model: str) -> list[PlainJob]:
        return [job for job in self.jobs.values() if job.model == model and job.is_running]

    def running_on(self, worker: str) -> list[PlainJob]:
        return [job for job in self.jobs.values() if job.worker == worker and job.is_running]

    def live_workers(self, model: str) -> list[PlainWorker]:
        return [one for one in self.workers.values() if one.model == model and one.silent_at > self.now]

    def allowance(self, model: str) -> int:
        """How many jobs may run or be dispatched: the live slots and a small margin."""
        slots = sum(worker.slots for worker in self.live_workers(model))
        return slots + max(2, slots // 8) if slots else 0

    def room(self, model: str) -> int:
        """How many more jobs may be dispatched; none while the model is paused."""
        taken = len(self.running_of(model)) + len(self.window_of(model))
        return 0 if self.mode_of(model) == "paused" else self.allowance(model) - taken

    def margin(self, model: str) -> int:
        """How many more newcomers may be dispatched when there is no room."""
        slots = sum(worker.slots for worker in self.live_workers(model))
        return max(2, slots // 8) if slots and self.mode_of(model) != "paused" else 0

    def runs_nothing(self, tenant: str) -> bool:
        """Whether no job of a tenant runs, whatever the model."""
        return not any(job.is_running and job.new.tenant == tenant for job in self.jobs.values())

    def is_newcomer(self, model: str, tenant: str, priority: Priority) -> bool:
        """Whether a job of the class would be its tenant's only one in the window or running; batch work never is."""
        if priority is Priority.BATCH or not self.runs_nothing(tenant):
            return False
        return all(job.new.tenant != tenant for job in self.window_of(model))

    def left_for_others(self, model: str) -> float:
        """How many more jobs of other classes than interactive may be dispatched: they leave reserved slots alone."""
        reserved = self.reserved.get(model, 0)
        if self.mode_of(model) == "paused" or not self.live_workers(model):
            return 0
        if not reserved:
            return math.inf
        slots = sum(worker.slots for worker in self.live_workers(model))
        busy = [*self.running_of(model), *self.window_of(model)]
        others = sum(job.waits_as is not Priority.INTERACTIVE for job in busy)
        return max(1, slots - reserved) - others

    def mode_of(self, model: str) -> ModelMode:
        return self.modes[model][0] if model in self.modes else "running"

    def dead_of(self, tenant: str) -> list[PlainJob]:
        """The dead letters, newest death first."""
        dead = [job for job in self.jobs.values() if job.new.tenant == tenant and job.is_dead_letter]
        return sorted(dead, key=lambda job: (job.gave_up_at or 0, job.new.id), reverse=True)

    @property
    def _lease(self) -> int:
        return milliseconds(self.settings.lease_seconds)

    def batch_of(self, job: PlainJob) -> PlainBatch | None:
        return self.batches[job.new.line.batch_id] if job.new.line else None

    def _known(self, tenant: str, job_id: str) -> PlainJob:
        if job := self.jobs.get(ref(tenant, job_id)):
            return job
        raise JobRetired(job_id) if ref(tenant, job_id) in self.gone else JobNotFound(job_id)

    def _of(self, lease: Lease) -> PlainJob | None:
        return self.jobs.get(ref(lease.tenant, lease.job_id))

    def _start(self, job: PlainJob, worker: str) -> None:
        if job.paid is None:
            self.flows_of(job.model).pay(job)
        job.state, job.place, job.worker, job.lease_until = JobState.RUNNING, None, worker, self.now + self._lease
        self.flows_of(job.model).tidy()
        go_along(self, job)

    def _stop(self, job: PlainJob) -> None:
        worker = self.workers.get(job.worker or "")
        if job.is_running and worker and worker.kept_for == job.ref:
            worker.kept_for, worker.kept_until = None, 0

    def _to_the_queue(self, job: PlainJob) -> None:
        self._stop(job)
        if job.cancel_asked:
            self.end(job, JobState.CANCELLED)
        else:
            job.state = JobState.QUEUED
            go_along(self, job)
            self.flows_of(job.model).join(job)

    def _delay(self, job: PlainJob, until: int) -> None:
        self._stop(job)
        if job.cancel_asked:
            self.end(job, JobState.CANCELLED)
        else:
            self.flows_of(job.model).settle(job, 0)
            job.state, job.place, job.paid, job.not_before = JobState.QUEUED, "delayed", None, until
            go_along(self, job)

    def end(self, job: PlainJob, state: JobState, spent: int | None = None, told: Told | None = None) -> None:
        """A job is final; `told` by the worker that ran it."""
        is_follower = job.place == "following"
        if is_follower and told:
            job.take(told.log)
        elif is_follower:
            job.tokens = list(job.run.tokens)
            job.failed_with = Usage(cached_tokens=len(job.tokens))
        self._stop(job)
        was_running, used = job.is_running, spent
        spent = spent if was_running else 0
        if spent is not None:
            self.flows_of(job.model).settle(job, spent)
        job.state, job.place, job.paid, job.not_before, job.finished = state, None, None, None, self.now
        self.flows_of(job.model).tidy()
        job.has_reader = job.is_seen = False
        job.waits_as = job.new.priority
        if not was_running:
            told_of = job.seen().usage
            used = 0 if is_follower else told_of.prompt_tokens + told_of.completion_tokens
        self.budgets.settle(job, used, self.now)
        self._count(job)
        self.counts[job.model][state.value] += 1
        if job.new.line:
            self.batches[job.new.line.batch_id].ended[job.new.id] = self.now
        if not is_follower:
            ended(self, job, told)

    def _count(self, job: PlainJob) -> None:
        """The usage of a day is what the jobs that ended on it say of theirs."""
        usage = job.seen().usage
        kind = f"{job.state.value}/{job.new.key_id}/{job.model}"
        used = self.used.setdefault((job.new.tenant, self.now // DAY), Counter())
        for name, count in asdict(usage).items():
            used[kind, name] += round(count * 1_000_000) if name == "engine_seconds" else count
        used[kind, "jobs"] += 1

    def _expire(self, job: PlainJob) -> None:
        job.code = "deadline_exceeded" if job.deadline <= self.now else "not_started_in_time"
        self.end(job, JobState.EXPIRED)

    def _rescue(self, job: PlainJob) -> None:
        job.lost += 1
        job.token_of_the_lost = job.token
        self.counts[job.model]["leases_lost"] += 1
        if job.cancel_asked is None and self.now >= job.deadline:
            self._expire(job)
        elif job.cancel_asked is None and job.lost > 2:
            job.code, job.gave_up_at = "worker_lost", self.now
            self.end(job, JobState.FAILED)
        else:
            self.counts[job.model]["rescued"] += job.cancel_asked is None
            self._to_the_queue(job)

    def _holds(self, job: PlainJob, lease: Lease) -> bool:
        """After a rescue the token is good until somebody else has claimed."""
        is_alive = job.is_running or (job.state is JobState.QUEUED and job.token_of_the_lost == lease.token)
        return is_alive and job.token == lease.token

    def _take_back(self, job: PlainJob) -> None:
        """What a holder writes to a rescued job makes it its own again, and the loss is not counted."""
        if not job.is_running:
            assert job.worker is not None
            self._start(job, job.worker)
            job.lost -= 1
            job.token_of_the_lost = None


def milliseconds(seconds: float) -> int:
    return round(seconds * 1000)

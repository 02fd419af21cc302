"""What the record of jobs must come to, in plain Python and in the words of ARCHITECTURE.md.

It answers like `JobStore`; `PlainRecord` is what it keeps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from jobs.answers import (
    Accepted,
    Cancellation,
    Emission,
    Emitted,
    FinishAnswer,
    MinuteBudget,
    Signals,
    Skipped,
    Swept,
    Wait,
)
from jobs.errors import (
    BatchLeaseLost,
    IdempotencyMismatch,
    JobNotFinal,
    JobSucceeded,
    LineInUse,
    ModelDraining,
    QueueFull,
)
from jobs.followed import BEGINNING, Followed
from jobs.job import Job, JobState, Outcome, Priority, Usage
from jobs.keys import ref
from jobs.lease import Lease
from jobs.model_load import ModelMode
from jobs.new_job import NewJob
from jobs.queues import ClassStatus, QueuePlace, QueueStatus
from jobs.tenant_limits import NO_LIMITS
from jobs.token_run import TokenRun
from tests.jobs.plain_flows import flow_of, followers_of
from tests.jobs.plain_job import PlainJob
from tests.jobs.plain_record import PlainRecord, PlainWorker, milliseconds
from tests.jobs.plain_sharing import Told, find_leader, follow, look_again

FORGOTTEN_AFTER = 86_400_000
UNFORGOTTEN = 3_600_000
RESERVED_FOR = 5_000


class PlainModel(PlainRecord):
    """The record, and every move that the store can make of it."""

    def find(self, tenant: str, job_id: str) -> Job:
        return self._known(tenant, job_id).found()

    def tokens(self, tenant: str, job_id: str) -> TokenRun:
        job = self.jobs.get(ref(tenant, job_id))
        return _run(job.run.tokens if job else ())

    def signals(self, leases: Sequence[Lease]) -> list[Signals]:
        jobs = [self._of(lease) for lease in leases]
        return [Signals(bool(job and job.cancel_asked), bool(job and job.has_reader)) for job in jobs]

    def queue(self, model: str, tenant: str) -> QueueStatus:
        waiting, window, running = self.queue_of(model), self.window_of(model), self.running_of(model)
        workers, flows = self.live_workers(model), self.flows_of(model)
        slots = sum(worker.slots for worker in workers)
        classes = {priority: self._class(model, tenant, priority) for priority in Priority}
        next_ = flows.next()
        return QueueStatus(
            waiting=len(waiting),
            dispatched=len(window),
            running=len(running),
            workers=len(workers),
            slots=slots,
            oldest_age_seconds=(self.now - next_.created) / 1000 if next_ else None,
            tokens_ahead=classes[Priority.STANDARD].tokens_ahead,
            eta_seconds=classes[Priority.STANDARD].eta_seconds,
            tenant_waiting=sum(job.new.tenant == tenant for job in waiting),
            classes=classes,
            delayed=len(self.delayed_of(model)),
            mode=self.mode_of(model),
            mode_since=self.modes[model][1] / 1000 if model in self.modes else None,
            own_bound=self.budgets.limits.get(tenant, NO_LIMITS).waiting_jobs,
            pace_seconds=self.pace[model] / 1000 if model in self.pace else None,
            usual_cost=self.usual_cost.get(model),
        )

    def place(self, told: Job) -> QueuePlace | None:
        job = self.jobs[ref(told.tenant, told.id)].run
        if job.state is not JobState.QUEUED or job.not_before is not None:
            return None
        flows = self.flows_of(job.model)
        waiting = flows.waiting(flow_of(job))
        jobs, tokens = flows.ahead(flow_of(job), waiting.index(job)) if job in waiting else (0, 0)
        return QueuePlace(position=jobs, tokens_ahead=tokens, eta_seconds=self._eta(job.model, jobs))

    def _class(self, model: str, tenant: str, priority: Priority) -> ClassStatus:
        flows = self.flows_of(model)
        waiting = flows.waiting((priority, tenant))
        jobs, tokens = flows.ahead((priority, tenant), len(waiting))
        cost = sum(job.cost for job in waiting)
        return ClassStatus(
            waiting=len(waiting),
            tokens=cost,
            jobs_ahead=jobs,
            tokens_ahead=tokens,
            eta_seconds=self._eta(model, jobs),
        )

    def _eta(self, model: str, jobs_ahead: int) -> float | None:
        slots, pace = sum(worker.slots for worker in self.live_workers(model)), self.pace.get(model)
        if pace is None or not slots or self.mode_of(model) == "paused":
            return None
        everyone = jobs_ahead + len(self.window_of(model)) + len(self.running_of(model))
        return max(0, everyone - slots + 1) / slots * pace / 1000

    # --- moves of clients

    def accept(self, new: NewJob, *, max_waiting: int | None = None) -> Accepted:
        if new.line and new.line.token != self.batches[new.line.batch_id].token:
            raise BatchLeaseLost(new.line.batch_id)
        if new.line and new.line.position < self.batches[new.line.batch_id].position:
            return Accepted(new.id, replayed=True, can_start=False)
        for job in self.jobs.values():
            if new.idempotency_key and (job.new.tenant, job.new.idempotency_key) == (new.tenant, new.idempotency_key):
                if job.new.fingerprint != new.fingerprint:
                    raise IdempotencyMismatch(job.new.id)
                is_new = job.new.id == new.id
                if is_new:
                    return self._accepted(new, can_start=self._can_start(new))
                return Accepted(job.new.id, replayed=True, can_start=False)
        if ref(new.tenant, new.id) in self.jobs:
            return self._accepted(new, can_start=self._can_start(new))
        leader = find_leader(self, new.tenant, new.run_digest)
        self._check_room(new, max_waiting, leader)
        deadline = (
            milliseconds(new.deadline_at)
            if new.deadline_at
            else self.now + milliseconds(self.settings.deadline_seconds)
        )
        self._begin(new, deadline, leader)
        return self._accepted(new, can_start=self._can_start(new))

    def requeue(
        self, tenant: str, job_id: str, *, new_id: str, key_id: str, max_waiting: int | None = None
    ) -> Accepted:
        old = self._known(tenant, job_id)
        if not old.state.is_final:
            raise JobNotFinal(job_id)
        if old.state is JobState.SUCCEEDED:
            raise JobSucceeded(job_id)
        if old.requeued_as and ref(tenant, old.requeued_as) in self.jobs:
            is_new = old.requeued_as == new_id
            if is_new:
                return self._accepted(self.jobs[ref(tenant, new_id)].new, can_start=True)
            return Accepted(old.requeued_as, replayed=True, can_start=False)
        new = replace(old.new, id=new_id, key_id=key_id, start_within_seconds=None, idempotency_key=None, line=None)
        leader = find_leader(self, tenant, new.run_digest)
        self._check_room(new, max_waiting, leader)
        self._begin(new, self.now + old.deadline - old.created, leader).requeued_from = job_id
        old.requeued_as = new_id
        return self._accepted(new, can_start=True)

    def _accepted(self, new: NewJob, *, can_start: bool) -> Accepted:
        budgets = {one.policy: one for one in self.budgets.standing(new.tenant, self.now)}
        minute = budgets.get("tokens_per_minute")
        budget = MinuteBudget(minute.limit, minute.used, minute.reset_seconds or 0.0) if minute else None
        return Accepted(new.id, replayed=False, can_start=can_start, budget=budget)

    def cancel(self, tenant: str, job_id: str) -> Job:
        job = self._known(tenant, job_id)
        if not job.state.is_final:
            job.cancel_asked = job.cancel_asked or self.now
            if not job.is_running:
                self.end(job, JobState.CANCELLED)
        return job.found()

    def cancel_matching(self, tenant: str, *, metadata: Mapping[str, str]) -> Cancellation:
        own = [job for job in self.jobs.values() if job.new.tenant == tenant and job.new.line is None]
        open_jobs = [job for job in own if not job.state.is_final]
        hits = [job for job in open_jobs if metadata.items() <= job.new.metadata.items()]
        told = Cancellation([], [], None)
        for job in sorted(hits, key=lambda job: -job.sequence):
            (told.requested if job.is_running else told.cancelled).append(job.new.id)
            self.cancel(tenant, job.new.id)
        return told

    def follow(self, tenant: str, job_id: str) -> Followed:
        job = self._known(tenant, job_id)
        if not job.state.is_final:
            job.has_reader = job.run.has_reader = True
            job.is_seen = job.is_seen or bool(job.run.tokens)
        return Followed(state=job.state, version=0, tokens=_run(job.run.tokens), cursor=BEGINNING, has_more=False)

    def erase(self, tenant: str, job_id: str) -> None:
        job = self._known(tenant, job_id)
        if not job.state.is_final:
            raise JobNotFinal(job_id)
        if job.new.line:
            raise LineInUse(job_id)
        del self.jobs[job.ref]

    def set_mode(self, model: str, mode: ModelMode) -> None:
        if mode == "running":
            self.modes.pop(model, None)
        elif mode != self.mode_of(model):
            self.modes[model] = mode, self.now
        if mode == "paused":
            for job in self.window_of(model):
                self.flows_of(model).join(job)

    # --- moves of workers

    def heartbeat(self, worker: str, *, model: str, slots: int, instance: str, reserved_slots: int = 0) -> str | None:
        known = self.workers.setdefault(worker, PlainWorker())
        if known.model and known.silent_at > self.now and known.instance != instance:
            return known.instance
        known.model, known.instance, known.slots = model, instance, slots
        self.reserved[model] = reserved_slots
        known.silent_at = self.now + self._lease
        return None

    def leave(self, worker: str, *, model: str) -> None:  # noqa: ARG002 - the store's signature
        self.workers.pop(worker, None)

    def rescue_worker(self, worker: str) -> int:
        lost = self.running_on(worker)
        for job in lost:
            self._rescue(job)
        self.workers.pop(worker, None)
        return len(lost)

    def dispatch(self, model: str) -> list[str]:
        published: list[str] = []
        flows = self.flows_of(model)
        while self.room(model) + self.margin(model) > 0 and len(published) < self.settings.dispatch_limit:
            job = flows.next(interactive_alone=self.left_for_others(model) <= 0)
            if job is None or (self.room(model) <= 0 and not self.is_newcomer(model, job.new.tenant, job.waits_as)):
                break
            if self.now >= job.expires:
                self._expire(job)
                continue
            flows.serve(job)
            job.place, job.published = "window", 1
            flows.tidy()
            job.publish_again_at = self.now + milliseconds(self.settings.dispatch_grace_seconds)
            published.append(job.new.id)
        return published

    def claim(  # noqa: PLR0911 - one for each thing that can happen
        self, job_id: str, *, model: str, worker: str, claim_id: str, can_continue: bool
    ) -> Lease | Wait | Skipped:
        job = next((job for job in self.window_of(model) if job.new.id == job_id), None)
        if job is None:
            for held in self.running_on(worker):
                if (held.new.id, held.claim_id) == (job_id, claim_id):
                    return self._lease_of(held)
            return Skipped("not dispatched")
        if self.now >= job.expires:
            self._expire(job)
            return Skipped("expired")
        if not can_continue and job.tokens:
            self._end_those_who_saw(job)
        if not can_continue and job.tokens and job.is_seen:
            job.code, job.gave_up_at = "stream_lost", self.now
            self.end(job, JobState.FAILED)
            return Skipped("its tokens were read")
        if self._must_wait(job, worker):
            job.publish_again_at = self.now + self._lease
            return Wait()
        if not job.is_passed_on and self._another_is_better(worker, model):
            self.flows_of(model).join(job)
            job.is_passed_on = True
            return Skipped("another worker has room")
        goes_first = job.waits_as is not Priority.BATCH and self.runs_nothing(job.new.tenant)
        job.attempt = job.failures + job.lost + 1
        self._start(job, worker)
        job.is_passed_on = False
        job.token = max(job.token + 1, self.now)
        job.claim_id, job.claimed, job.run_until = claim_id, self.now, self.now + milliseconds(job.new.timeout_seconds)
        job.started = job.started if job.started is not None else self.now
        job.token_of_the_lost = job.not_before = None
        job.wasted, job.unsaved = job.wasted + job.unsaved, 0
        if not can_continue:
            job.wasted += len(job.tokens)
            job.tokens = []
        return self._lease_of(job, goes_first=goes_first)

    def renew(self, leases: Sequence[Lease], *, waited_seconds: Sequence[float]) -> list[bool]:
        return [self._renew(lease, milliseconds(waited)) for lease, waited in zip(leases, waited_seconds, strict=True)]

    def emit(self, emissions: Sequence[Emission]) -> list[Emitted]:
        return [self._emit(one) for one in emissions]

    def finish(
        self,
        lease: Lease,
        outcome: Outcome,
        *,
        tokens: TokenRun,
        retry_after_seconds: float | None = None,
        can_continue: bool = True,
    ) -> FinishAnswer:
        job = self._of(lease)
        if job and job.token_of_the_outcome == lease.token:
            return "already"
        if not job or not self._holds(job, lease):
            return "fenced"
        self._take_back(job)
        job.outcome, job.token_of_the_outcome = outcome, lease.token
        state = outcome.state
        job.failures += state is JobState.FAILED
        can_follow = can_continue or not job.is_seen or not job.tokens
        if state is JobState.FAILED and retry_after_seconds is not None:
            again_at = self.now + milliseconds(retry_after_seconds)
            if job.cancel_asked:
                state = JobState.CANCELLED
            elif job.failures < job.new.max_attempts and again_at < job.deadline and can_follow:
                job.failed_with, job.unsaved = outcome.usage, len(tokens) - len(job.tokens)
                self._delay(job, again_at)
                return "ok"
            else:
                job.gave_up_at = self.now
        if state is JobState.SUCCEEDED:
            assert job.claimed is not None
            took, before = self.now - job.claimed, self.pace.get(job.model)
            self.pace[job.model] = int(took if before is None else before * 0.9 + took * 0.1)
            cost = self.usual_cost.get(job.model)
            self.usual_cost[job.model] = int(job.cost if cost is None else cost * 0.9 + job.cost * 0.1)
        log = list(zip(tokens.ids, tokens.pieces, strict=True))
        used = outcome.usage.prompt_tokens + outcome.usage.completion_tokens
        told = Told(outcome, log, gave_up=job.gave_up_at is not None)
        self.end(job, state, used if used or outcome.state is not JobState.SUCCEEDED else None, told)
        job.take(log)
        return "ok"

    def release(self, lease: Lease) -> bool:
        job = self._of(lease)
        if not job or not self._holds(job, lease):
            return False
        self._take_back(job)
        job.token += 1
        self._to_the_queue(job)
        return True

    def postpone(self, lease: Lease, *, seconds: float, spent: Usage | None = None) -> bool:
        job = self._of(lease)
        if not job or not self._holds(job, lease):
            return False
        self._take_back(job)
        job.token += 1
        if spent is not None:
            job.failed_with = spent
            job.wasted += max(0, spent.completion_tokens - len(job.tokens))
        if job.started == job.claimed and not job.tokens:
            job.started = None
        for one in followers_of(self.jobs, job):
            if not job.tokens and one.started is not None and one.started >= (job.claimed or 0):
                one.started = None
        job.attempt = max(job.failures + job.lost, int(job.started is not None))
        self._delay(job, self.now + milliseconds(seconds))
        return True

    def put_back(self, job_id: str, *, model: str) -> bool:
        for job in self.window_of(model):
            if job.new.id == job_id:
                self.flows_of(model).join(job)
                return True
        return False

    # --- the sweep

    def sweep(self) -> Swept:
        was_away = self.last_sweep is not None and self.now - self.last_sweep > milliseconds(
            self.settings.outage_seconds
        )
        self.last_sweep = self.now
        if was_away:
            for job in self.jobs.values():
                if job.is_running:
                    job.lease_until = self.now + self._lease
        most = self.settings.sweep_limit
        due = [job for job in self.jobs.values() if not job.state.is_final and job.due <= self.now]
        due = sorted(due, key=lambda job: (job.due, job.ref))[:most]
        stranded = [(job.model, job.new.id) for job in due if self._look_at(job)]
        retiring = [job for job in self.jobs.values() if job.state.is_final and job.retires <= self.now]
        retiring = sorted(retiring, key=lambda job: (job.retires, job.ref))[:most]
        for job in retiring:
            batch = self.batch_of(job)
            if batch and job.new.id in batch.ended:
                job.kept_until = self.now + UNFORGOTTEN
                continue
            del self.jobs[job.ref]
            if not batch:
                self.gone[job.ref] = self.now + FORGOTTEN_AFTER
        self.gone = {name: until for name, until in self.gone.items() if until > self.now}
        return Swept(len(due) == most or len(retiring) == most, stranded)

    def _look_at(self, job: PlainJob) -> bool:
        """Whether its message is to be published again."""
        if job.is_running:
            self._rescue(job)
        elif job.state.is_final or (job.place == "queue" and self.now < job.expires):
            pass  # it followed another one, which has ended just now
        elif self.now >= job.expires:
            self._expire(job)
        elif job.place == "following":
            look_again(self, job)
        elif job.place == "delayed" or not self.live_workers(job.model):
            self.flows_of(job.model).join(job)
            job.not_before = None
        else:
            patience = milliseconds(self.settings.dispatch_grace_seconds) * 2**job.published
            job.publish_again_at = self.now + min(patience, milliseconds(self.settings.longest_grace_seconds))
            job.published += 1
            self.counts[job.model]["stranded"] += 1
            return True
        return False

    def _lease_of(self, job: PlainJob, *, goes_first: bool = False) -> Lease:
        emitted = _run(job.tokens)
        assert job.worker is not None
        assert job.claimed is not None
        return Lease(
            job_id=job.new.id,
            tenant=job.new.tenant,
            token=job.token,
            attempt=job.attempt,
            worker=job.worker,
            request=job.new.request,
            run_seconds=(min(job.deadline, job.run_until) - self.now) / 1000,
            ends_as=JobState.EXPIRED if job.deadline < job.run_until else JobState.FAILED,
            deadline_seconds=(job.deadline - self.now) / 1000,
            queue_wait_seconds=(job.claimed - job.created) / 1000,
            wasted_tokens=job.wasted,
            prompt_tokens=job.failed_with.prompt_tokens,
            engine_seconds=job.failed_with.engine_seconds,
            emitted_ids=tuple(emitted.ids),
            emitted_pieces=tuple(emitted.pieces),
            company_expected=bool(self.window_of(job.model)),
            goes_first=goes_first,
            is_streamed=job.has_reader,
            is_shared=job.new.run_digest is not None,
        )

    def _must_wait(self, job: PlainJob, name: str) -> bool:
        """A worker that is kept for a suspect takes nobody else; a suspect waits until its worker is empty."""
        worker = self.workers.setdefault(name, PlainWorker())
        if worker.kept_for not in {None, job.ref} and worker.kept_until > self.now:
            return True
        if not job.is_suspect:
            return False
        is_busy = bool(self.running_on(name))
        worker.kept_for, worker.kept_until = job.ref, self.now + RESERVED_FOR if is_busy else job.deadline
        return is_busy

    def _another_is_better(self, name: str, model: str) -> bool:
        """Whether a worker runs all it has slots for, while another has one free and is kept for nobody."""
        live = {other: one for other, one in self.workers.items() if one in self.live_workers(model)}
        free = {other for other, one in live.items() if len(self.running_on(other)) < one.slots}
        return name in live.keys() - free and any(self.workers[one].kept_until <= self.now for one in free)

    def _check_room(self, new: NewJob, max_waiting: int | None, leader: PlainJob | None) -> None:
        model = new.request.model
        if self.mode_of(model) == "draining":
            raise ModelDraining(model)
        if (
            leader is None
            and max_waiting is not None
            and len(self.queue_of(model)) + len(self.delayed_of(model)) >= max_waiting
        ):
            raise QueueFull(model, max_waiting)
        cost = new.request.estimated_tokens
        self.budgets.check(new.tenant, model, cost, self.now, follows=leader is not None, is_line=new.line is not None)

    def _begin(self, new: NewJob, deadline: int, leader: PlainJob | None) -> PlainJob:
        self.accepted += 1
        if new.line:
            self.batches[new.line.batch_id].position += 1
        within = new.start_within_seconds
        start_by = None if within is None else self.now + milliseconds(within)
        job = PlainJob(new=new, sequence=self.accepted, created=self.now, deadline=deadline, start_by=start_by)
        self.jobs[job.ref] = job
        self.budgets.charge(job, self.now)
        if leader:
            follow(self, job, leader)
            return job
        if new.run_digest:
            self.leads[new.tenant, new.run_digest] = new.id
        self.flows_of(job.model).join(job)
        return job

    def _can_start(self, new: NewJob) -> bool:
        model = new.request.model
        if new.priority is not Priority.INTERACTIVE and self.left_for_others(model) <= 0:
            return False
        room = self.room(model)
        return room > 0 or (room + self.margin(model) > 0 and self.is_newcomer(model, new.tenant, new.priority))

    def _end_those_who_saw(self, leader: PlainJob) -> None:
        for job in followers_of(self.jobs, leader):
            if job.is_seen:
                job.code, job.gave_up_at = "stream_lost", self.now
                self.end(job, JobState.FAILED)

    def _renew(self, lease: Lease, waited: int) -> bool:
        job = self._of(lease)
        if not job or not self._holds(job, lease):
            return False
        assert job.claimed is not None
        if waited:
            job.run_until = max(job.run_until, job.claimed + waited + milliseconds(job.new.timeout_seconds))
        if self.now >= min(job.run_until, job.deadline):
            return False
        self._take_back(job)
        job.lease_until = self.now + self._lease
        return True

    def _emit(self, one: Emission) -> Emitted:
        job = self._of(one.lease)
        if not job or not self._holds(job, one.lease):
            return Emitted("fenced", 0)
        if one.first_index > len(job.tokens):
            return Emitted("fenced", len(job.tokens))
        self._take_back(job)
        if one.first_index < len(job.tokens):
            return Emitted("already", len(job.tokens))
        job.tokens += zip(one.ids, one.pieces, strict=True)
        return Emitted("ok", len(job.tokens))


def _run(tokens: Sequence[tuple[int, str]]) -> TokenRun:
    return TokenRun(ids=tuple(token for token, _ in tokens), pieces=tuple(piece for _, piece in tokens))

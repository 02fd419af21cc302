"""Any moves in any order, made to the store and to the plain model of it alike, by a clock that the test turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from jobs.answers import Accepted, Emission
from jobs.batches.batch import Part
from jobs.batches.ids import part_name
from jobs.followed import BEGINNING
from jobs.job import AttemptError, JobState, Outcome, Priority, Usage
from jobs.lease import Lease
from jobs.new_job import LineOfBatch, NewJob
from jobs.request import InferenceRequest, RequestType, SamplingParams
from jobs.tenant_limits import NO_LIMITS, TenantLimits
from jobs.token_run import TokenRun
from tests.jobs.side_by_side import MODELS, TENANTS, WORKERS, SideBySide, lease_name

LIMITS: tuple[Mapping[str, Any], ...] = (
    {},
    {"max_attempts": 1},
    {"max_attempts": 2},
    {"retention_seconds": 86_400.0},
    {"start_within_seconds": 20.0},
    {"timeout_seconds": 12.0, "max_attempts": 1},
    {"start_within_seconds": 400.0, "retention_seconds": 0.0},
    {"start_within_seconds": 0.0},
)

TENANT_LIMITS = (
    NO_LIMITS,
    TenantLimits(weight=4),
    TenantLimits(weight=0.25, concurrent_jobs=5),
    TenantLimits(concurrent_jobs=2),
    TenantLimits(waiting_jobs=1),
    TenantLimits(tokens_per_minute=9),
    TenantLimits(tokens_per_day=30, tokens_per_minute=1000),
    TenantLimits(tokens_per_day=3),
)

ENDS = tuple(state for state in JobState if state.is_final)

any_worker = st.sampled_from(sorted(WORKERS))
awake = st.sampled_from(["everybody", "a sweeper and heartbeats", "a sweeper", "nobody"])
any_model = st.sampled_from(MODELS)


def one_of(attribute: str) -> Any:
    """Any of what the machine has under that name; the first is the simplest."""
    return st.runner().flatmap(lambda machine: st.sampled_from(getattr(machine, attribute)))


def there_are(attribute: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return precondition(lambda machine: bool(getattr(machine, attribute)))


class StoreMachine(SideBySide):
    """Every rule makes one call, or a few that belong together.

    A rule that is rare in life shares its turn with others, so that most steps bring a job forward.
    """

    # --- time

    @there_are("recent")
    @rule(ms=st.sampled_from([0, 1, 1000, 6000, 12_000, 30_000, 61_000]), awake=awake)
    def time_passes(self, ms: int, awake: str) -> None:
        self.come_to(self.model.now + ms, awake)

    @there_are("instants")
    @rule(instant=one_of("instants"), off=st.sampled_from([0, 0, -1, 1]), awake=awake)
    def something_is_due(self, instant: int, off: int, awake: str) -> None:
        self.come_to(max(self.model.now, instant + off), awake)

    def come_to(self, instant: int, awake: str) -> None:
        """Until then nobody does anything; then perhaps somebody sweeps, and workers say that they live and go on.

        Or their heartbeats have come all along: they live, but hear of no message.
        """
        alive = [(name, one.slots) for name, one in self.model.workers.items() if one.silent_at > self.model.now]
        self.turn_to(instant)
        if awake == "a sweeper and heartbeats":
            for name, slots in alive:
                self.beat(name, slots)
        if awake != "nobody":
            self.both(lambda it: it.sweep())
        if awake == "everybody":
            for name, slots in alive:
                self.beat(name, slots)
                self.work(name, 1)

    # --- clients

    @rule(
        tenant=st.sampled_from(TENANTS),
        model=st.sampled_from(("m", "m", "n")),
        priority=st.sampled_from([Priority.STANDARD, *Priority]),
        max_tokens=st.integers(1, 3),
        key=st.sampled_from([None, None, None, "k1", "k2"]),
        body=st.sampled_from("ffg"),
        same=st.sampled_from([None, "d", "d", "e"]),
        lives=st.sampled_from([None, None, None, 200, 30, -1]),
        limits=st.sampled_from(LIMITS),
        max_waiting=st.sampled_from([None, None, None, 2, 0]),
        then_work=st.booleans(),
    )
    def accept(  # noqa: PLR0917 - hypothesis gives them by name
        self,
        tenant: str,
        model: str,
        priority: Priority,
        max_tokens: int,
        key: str | None,
        body: str,
        same: str | None,
        lives: int | None,
        limits: Mapping[str, Any],
        max_waiting: int | None,
        *,
        then_work: bool,
    ) -> None:
        deadline_at = None if lives is None else self.model.now / 1000 + lives
        new = replace(self.new(model, max_tokens), tenant=tenant, metadata={"body": body}, deadline_at=deadline_at)
        new = replace(new, idempotency_key=key, fingerprint=body, priority=priority, **limits)
        new = replace(new, run_digest=same and f"{same}-{model}")
        self.submit(new, max_waiting)
        if then_work:
            self.work(f"{model}1", 1)

    @there_are("leaders")
    @rule(
        leader=one_of("leaders"),
        priority=st.sampled_from([Priority.STANDARD, *Priority]),
        lives=st.sampled_from([None, None, 200, 30]),
        limits=st.sampled_from(LIMITS),
        reads=st.booleans(),
        as_line=st.booleans(),
        count=st.integers(1, 2),
    )
    def ask_the_same(
        self,
        leader: str,
        priority: Priority,
        lives: int | None,
        limits: Mapping[str, Any],
        count: int,
        *,
        reads: bool,
        as_line: bool,
    ) -> None:
        """What is in flight already; some look at once what has come."""
        asked = self.submits[leader]
        for _ in range(count):
            deadline_at = None if lives is None else self.model.now / 1000 + lives
            new = replace(
                self.new(asked.request.model), tenant=asked.tenant, run_digest=asked.run_digest, priority=priority
            )
            line = self.next_line(asked.tenant) if as_line else None
            new = replace(new, deadline_at=deadline_at, line=line, **limits)
            self.submit(new, 0)
            if reads and new.id in self.submits:
                self.a_client_wishes(new.id, "read")

    @rule(
        tenant=st.sampled_from(TENANTS),
        model=st.sampled_from(("m", "m", "n")),
        same=st.sampled_from([None, "d", "d", "e"]),
        lives=st.sampled_from([None, None, 200, 30]),
        limits=st.sampled_from(LIMITS),
        max_waiting=st.sampled_from([None, None, None, 2, 0]),
        count=st.integers(1, 3),
        then_work=st.booleans(),
    )
    def lines_are_submitted(
        self,
        tenant: str,
        model: str,
        count: int,
        *,
        same: str | None,
        lives: int | None,
        limits: Mapping[str, Any],
        max_waiting: int | None,
        then_work: bool,
    ) -> None:
        for _ in range(count):
            deadline_at = None if lives is None else self.model.now / 1000 + lives
            new = replace(self.new(model), tenant=tenant, priority=Priority.BATCH, line=self.next_line(tenant))
            self.submit(
                replace(new, deadline_at=deadline_at, run_digest=same and f"{same}-{model}", **limits), max_waiting
            )
        if then_work:
            self.work(f"{model}1", 2)

    def next_line(self, tenant: str) -> LineOfBatch:
        batch = self.model.batches[f"batch_{tenant}"]
        return LineOfBatch(batch_id=batch.id, token=batch.token, position=batch.position)

    @there_are("recent")
    @rule(tenant=st.sampled_from(TENANTS), most=st.integers(1, 3), forgets=st.booleans(), again=st.booleans())
    def lines_are_committed(self, tenant: str, most: int, *, forgets: bool, again: bool) -> None:
        """The answer may be lost, and the runner may die before it erases what it has told."""
        lease, batch = self.runs[tenant], self.model.batches[f"batch_{tenant}"]
        taken = [line.job_id for line in self.batches.ended(lease, most)]
        assert taken == batch.harvest(most)
        if not taken:
            return
        name = part_name(tenant, batch.id, "output", batch.parts + 1, lease.token)
        part = Part(kind="output", number=batch.parts + 1, name=name, lines=len(taken), bytes=len(taken))
        for _ in range(1 + again):
            assert self.batches.commit(lease, [part], taken=taken, completed=len(taken), failed=0)
        batch.commit(taken)
        told = self.batches.find(tenant, batch.id)
        assert (told.completed, told.output_parts) == (len(batch.committed), batch.parts)
        if forgets:
            there = [job_id for job_id in batch.committed if f"{tenant}/{job_id}" in self.model.jobs]
            assert self.batches.forget(lease, there + batch.harvest(1000)) == len(there)
            for job_id in there:
                del self.model.jobs[f"{tenant}/{job_id}"]

    def submit(self, new: NewJob, max_waiting: int | None) -> None:
        accepted = self.both(lambda it: it.accept(new, max_waiting=max_waiting))
        if isinstance(accepted, Accepted) and not accepted.replayed and new.id not in self.submits:
            self.submits[new.id] = new

    @there_are("recent")
    @rule(
        job_id=one_of("wanted"),
        wish=st.sampled_from(["read", "cancel", "erase", "cancel all like it", "submit again", "read as other"]),
    )
    def a_client_wishes(self, job_id: str, wish: str) -> None:
        new = self.submits[job_id]
        match wish:
            case "submit again" if job_id in self.known:
                self.submit(new, None)
            case "read" | "submit again":
                self.both(lambda it: replace(it.follow(new.tenant, new.id), version=0, cursor=BEGINNING))
            case "cancel":
                self.both(lambda it: it.cancel(new.tenant, new.id))
            case "erase":
                self.both(lambda it: it.erase(new.tenant, new.id))
            case "cancel all like it":
                self.both(lambda it: it.cancel_matching(new.tenant, metadata=new.metadata))
            case _:
                self.both(lambda it: it.find("nobody", new.id))
                self.both(lambda it: it.cancel("nobody", new.id))
                self.both(lambda it: it.erase("nobody", new.id))

    @there_are("ended")
    @rule(job_id=one_of("ended"), max_waiting=st.sampled_from([None, None, 1]))
    def requeue(self, job_id: str, max_waiting: int | None) -> None:
        new, new_id = self.submits[job_id], self.new_id()
        told = self.both(
            lambda it: it.requeue(new.tenant, new.id, new_id=new_id, key_id="key_again", max_waiting=max_waiting)
        )
        if isinstance(told, Accepted) and not told.replayed:
            assert self.both(lambda it: it.requeue(new.tenant, new.id, new_id=new_id, key_id="key_2")) == told
            self.submits[new_id] = self.model.jobs[f"{new.tenant}/{new_id}"].new

    @there_are("recent")
    @rule(tenant=st.sampled_from(TENANTS), limits=st.sampled_from(TENANT_LIMITS))
    def limits_change(self, tenant: str, limits: TenantLimits) -> None:
        self.tenants.set_limits(tenant, limits)
        self.model.budgets.set_limits(tenant, limits)

    # --- workers come and go

    @initialize(
        slots=st.sampled_from([2, 1, 24]),
        models=st.lists(any_model, max_size=4),
        reserved=st.sampled_from([0, 0, 1, 30]),
    )
    def workers_come_and_find_work(self, slots: int, models: list[str], reserved: int) -> None:
        self.reserved = reserved
        for worker in WORKERS:
            self.beat(worker, slots)
        for model in models:
            self.submit(self.new(model), None)
            self.work(f"{model}1", 1)

    def beat(self, worker: str, slots: int, instance: str = "a") -> None:
        self.both(
            lambda it: it.heartbeat(
                worker, model=WORKERS[worker], slots=slots, instance=instance, reserved_slots=self.reserved
            )
        )

    @there_are("recent")
    @rule(model=any_model, mode=st.sampled_from(["running", "running", "paused", "draining"]))
    def an_operator_acts(self, model: str, mode: str) -> None:
        self.both(lambda it: it.set_mode(model, mode))
        self.dispatch(model)

    @there_are("recent")
    @rule(
        worker=any_worker,
        what=st.sampled_from(["dies and returns"] * 4 + ["dies", "leaves", "returns", "has a namesake"]),
        slots=st.sampled_from([2, 1, 24]),
        can_continue=st.booleans(),
    )
    def a_worker_comes_or_goes(self, worker: str, what: str, slots: int, *, can_continue: bool) -> None:
        if "dies" in what:
            self.both(lambda it: it.rescue_worker(worker))
        if what == "leaves":
            self.both(lambda it: it.leave(worker, model=WORKERS[worker]))
        if what == "has a namesake":
            self.beat(worker, slots, "b")
        if "returns" in what:
            self.beat(worker, slots)
            self.work(worker, 2, can_continue=can_continue)

    # --- workers work

    def dispatch(self, model: str) -> None:
        published = self.both(lambda it: it.dispatch(model))
        busy = len(self.model.window_of(model)) + len(self.model.running_of(model))
        assert not published or busy <= self.model.allowance(model) + self.model.margin(model)

    @there_are("recent")
    @rule(worker=any_worker, most=st.integers(0, 3), can_continue=st.sampled_from([True, False]))
    def come_to_work(self, worker: str, most: int, *, can_continue: bool) -> None:
        self.work(worker, most, can_continue=can_continue)

    def work(self, worker: str, most: int, *, can_continue: bool = True) -> None:
        """Dispatch, claim what came of it, and record the first tokens."""
        self.dispatch(WORKERS[worker])
        for job in self.model.window_of(WORKERS[worker])[:most]:
            lease = self.claim_as(job.new.id, worker, self.new_id(), can_continue=can_continue)
            if isinstance(lease, Lease):
                self.emit_some(lease, 0, 2)

    @there_are("dispatched")
    @rule(job_id=one_of("dispatched"), second=st.booleans(), can_continue=st.sampled_from([True, True, False]))
    def claim(self, job_id: str, *, second: bool, can_continue: bool) -> None:
        model = self.submits[job_id].request.model
        worker = f"{model}{2 if second and model == 'm' else 1}"
        self.claim_as(job_id, worker, self.new_id(), can_continue=can_continue)

    @there_are("claims")
    @rule(claim=one_of("claims"), job_id=one_of("recent"), what=st.sampled_from(["asked again", "late", "put back"]))
    def a_message_gets_no_answer(self, claim: tuple[str, str, str], job_id: str, what: str) -> None:
        """The answer to a claim was lost; the message is stale; or its worker is about to leave."""
        match what:
            case "asked again":
                self.claim_as(*claim)
            case "late" if job_id not in self.dispatched:
                self.claim_as(job_id, claim[1], self.new_id())
            case _:
                self.both(lambda it: it.put_back(job_id, model=WORKERS[claim[1]]))

    @there_are("recent")
    @rule(model=any_model, off=st.sampled_from([0, 0, -1]))
    def a_message_is_lost(self, model: str, off: int) -> None:
        """The workers live, but hear nothing of a job until it is published again."""
        self.beat(f"{model}1", 2)
        self.submit(self.new(model), None)
        self.dispatch(model)
        for job in self.model.window_of(model)[:1]:
            self.come_to(max(self.model.now, job.due + off), "a sweeper and heartbeats")

    def claim_as(self, job_id: str, worker: str, claim_id: str, *, can_continue: bool = True) -> Any:
        self.claims = [(job_id, worker, claim_id), *self.claims[:3]]
        model = WORKERS[worker]
        lease = self.both(
            lambda it: it.claim(job_id, model=model, worker=worker, claim_id=claim_id, can_continue=can_continue)
        )
        if isinstance(lease, Lease):
            same = self.leases.setdefault(lease_name(lease.job_id, lease.token), lease)
            assert same.worker == worker
        return lease

    @there_are("usable_leases")
    @rule(name=one_of("usable_leases"), all_do=st.booleans(), waited=st.sampled_from([0, 0, 0.4, 7]))
    def renew(self, name: str, *, all_do: bool, waited: float) -> None:
        """Of all who ever held a job's lease, at most one still does."""
        leases = list(self.leases.values()) if all_do else [self.leases[name]]
        kept = self.both(lambda it: it.renew(leases, waited_seconds=[waited] * len(leases)))
        holders = [lease.job_id for lease, is_kept in zip(leases, kept, strict=True) if is_kept]
        assert len(holders) == len(set(holders))

    @there_are("sleepers")
    @rule(name=one_of("sleepers"), gap=st.sampled_from([0, 1, None]))
    def a_sleeper_wakes(self, name: str, gap: int | None) -> None:
        if gap is None:
            self.renew(name, all_do=False, waited=0)
        else:
            self.emit_some(self.leases[name], gap, 1)

    @there_are("usable_leases")
    @rule(name=one_of("usable_leases"), gap=st.sampled_from([0, 1, -1, 0, -2, 1]), count=st.integers(1, 3))
    def emit(self, name: str, gap: int, count: int) -> None:
        self.emit_some(self.leases[name], gap, count)

    def emit_some(self, lease: Lease, gap: int, count: int) -> None:
        first = max(0, len(self.stored(lease)) + gap)
        ids, pieces = self.tokens_of(lease, first, count)
        self.both(lambda it: it.emit([Emission(lease, first, ids, pieces)]))

    @there_are("usable_leases")
    @rule(
        name=one_of("usable_leases"),
        state=st.sampled_from(ENDS),
        more=st.integers(0, 2),
    )
    def finish(self, name: str, state: JobState, more: int) -> None:
        self.finish_as(self.leases[name], state, more, None)

    @there_are("usable_leases")
    @rule(
        name=one_of("usable_leases"),
        more=st.integers(0, 2),
        seconds=st.sampled_from([0.0, 7.0, 250.0]),
        can_continue=st.sampled_from([True, True, False]),
    )
    def fail_for_now(self, name: str, more: int, seconds: float, *, can_continue: bool) -> None:
        lease = self.leases[name]
        self.finish_as(lease, JobState.FAILED, more, seconds, can_continue=can_continue)
        if lease.job_id in self.ended and more:
            self.requeue(lease.job_id, None)

    def finish_as(
        self,
        lease: Lease,
        state: JobState,
        more: int,
        retry_after_seconds: float | None,
        *,
        can_continue: bool = True,
    ) -> None:
        stored = self.stored(lease)
        ids, pieces = self.tokens_of(lease, len(stored), more)
        log = TokenRun(ids=(*(token for token, _ in stored), *ids), pieces=(*(piece for _, piece in stored), *pieces))
        usage = Usage(
            prompt_tokens=max(2 * more, lease.prompt_tokens),
            completion_tokens=len(log),
            cached_tokens=more,
            wasted_tokens=lease.wasted_tokens,
            engine_seconds=round(lease.engine_seconds + 0.125 * (more + 1), 6),
        )
        error = AttemptError(code="engine_error", message="it broke") if state is JobState.FAILED else None
        outcome = Outcome(state=state, text=log.text, error=error, usage=usage)
        self.both(
            lambda it: it.finish(
                lease, outcome, tokens=log, retry_after_seconds=retry_after_seconds, can_continue=can_continue
            )
        )

    def stored(self, lease: Lease) -> list[tuple[int, str]]:
        job = self.model.jobs.get(f"{lease.tenant}/{lease.job_id}")
        return job.tokens if job else []

    @staticmethod
    def tokens_of(lease: Lease, first: int, count: int) -> tuple[list[int], list[str]]:
        """Tokens that tell their index, and whose they are."""
        indexes = range(first, first + count)
        return [lease.attempt * 1000 + index for index in indexes], [f"{index} " for index in indexes]

    @there_are("usable_leases")
    @rule(
        name=one_of("usable_leases"),
        seconds=st.sampled_from([None, 7.0, 0.0, 400.0]),
        spent=st.sampled_from([None, Usage(prompt_tokens=2, completion_tokens=3, engine_seconds=0.25)]),
    )
    def give_back(self, name: str, seconds: float | None, spent: Usage | None) -> None:
        if seconds is None:
            self.both(lambda it: it.release(self.leases[name]))
        else:
            self.both(lambda it: it.postpone(self.leases[name], seconds=seconds, spent=spent))

    def new(self, model: str, max_tokens: int = 1) -> NewJob:
        params = SamplingParams(max_tokens=max_tokens)
        request = InferenceRequest(model=model, type=RequestType.COMPLETION, prompt="Once", params=params)
        return NewJob(
            id=self.new_id(), tenant=TENANTS[0], request=request, retention_seconds=100, run_digest=f"d-{model}"
        )

    def new_id(self) -> str:
        return f"job_{next(self.numbers):03}"

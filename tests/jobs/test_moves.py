from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from jobs.answers import Emission
from jobs.errors import JobError
from jobs.job import AttemptError, JobState, Outcome
from jobs.lease import Lease

MODEL = "m"
WORKERS = ("w1", "w2")
STEPS = 300


class Walk:
    """Random moves by two workers, a client and a sweeper."""

    def __init__(self, bench: Any, seed: int) -> None:
        self.bench = bench
        self.random = Random(seed)
        self.ids: list[str] = []
        self.leases: list[Lease] = []
        self.finals: dict[str, Any] = {}
        for worker in WORKERS:
            bench.join(worker)

    def step(self) -> None:
        """One move, of whatever kind, sensible or not."""
        moves: list[Callable[[], Any]] = [
            self.accept,
            lambda: self.bench.store.dispatch(MODEL),
            self.claim,
            self.claim,
            lambda: self.bench.store.renew(self.leases[-5:]),
            self.emit,
            self.finish,
            lambda: self.bench.store.release(self.lease()),
            lambda: self.bench.store.cancel("default", self.random.choice(self.ids)),
            self.lapse,
            self.bench.store.sweep,
            lambda: self.bench.store.rescue_worker(self.random.choice(WORKERS)),
            lambda: [self.bench.join(worker) for worker in WORKERS],
            lambda: self.bench.store.put_back(self.random.choice(self.ids), model=MODEL),
            lambda: self.bench.store.follow("default", self.random.choice(self.ids)),
            lambda: self.bench.store.postpone(self.lease(), seconds=self.random.choice([0, 60])),
            self.requeue,
            self.requeue,
            self.set_mode,
            lambda: self.bench.store.cancel_matching("default", metadata={"kind": "rare"}),
        ]
        if not self.ids or not self.leases:
            moves = moves[:4] if self.ids else moves[:1]
        with suppress(JobError):
            self.random.choice(moves)()

    def accept(self) -> None:
        kind = "rare" if self.random.random() < 0.05 else "usual"
        self.ids.append(self.bench.accept(max_attempts=2, metadata={"kind": kind}))

    def requeue(self) -> None:
        new_id = f"again_{len(self.ids):04}"
        answer = self.bench.store.requeue("default", self.random.choice(self.ids), new_id=new_id)
        assert answer.replayed == (answer.job_id in self.ids)
        if not answer.replayed:
            self.ids.append(answer.job_id)

    def set_mode(self) -> None:
        self.bench.store.set_mode(MODEL, self.random.choice(["running", "running", "paused", "draining"]))

    def claim(self) -> None:
        answer = self.bench.try_claim(self.random.choice(self.ids), self.random.choice(WORKERS))
        if isinstance(answer, Lease):
            self.leases.append(answer)

    def lease(self) -> Lease:
        return self.random.choice(self.leases[-12:])

    def emit(self) -> None:
        lease = self.lease()
        self.bench.store.emit([Emission(lease, self.random.randrange(3), [1, 2], ["a", "b"])])

    def finish(self) -> None:
        state = self.random.choice([JobState.SUCCEEDED, JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED])
        outcome = Outcome(state=state, error=AttemptError(code="x", message="y"))
        self.bench.store.finish(self.lease(), outcome, retry_after_seconds=self.random.choice([None, 0.0]))

    def lapse(self) -> None:
        """A lease, a delay or the patience with a message runs out."""
        member = f"default/{self.random.choice(self.ids)}"
        self.bench.client.zadd("frontier:watch", {member: 1}, xx=True)


@pytest.mark.parametrize("seed", range(6))
def test_a_job_is_watched_exactly_while_it_is_not_final(bench: Any, seed: int) -> None:
    walk = Walk(bench, seed)
    for _ in range(STEPS):
        walk.step()
        check(walk)
    assert len(walk.finals) > 3


def check(walk: Walk) -> None:
    """Every invariant of the record, between any two moves."""
    client, store = walk.bench.client, walk.bench.store
    jobs = [store.find("default", job_id) for job_id in walk.ids]
    assert walk.bench.watched() == {job.id for job in jobs if not job.is_final}
    places = Counter(walk.bench.field(job.id, "place") for job in jobs if job.state is JobState.QUEUED)
    waiting = store.queue(MODEL, "default")
    assert client.zcard("frontier:m:m:queue:standard/default") == waiting.waiting == places[b"queue"]
    assert client.hlen("frontier:m:m:window") == places[b"window"]
    running = [job for job in jobs if job.state is JobState.RUNNING]
    assert client.scard("frontier:m:m:running") == len(running)
    held = [client.scard(f"frontier:w:{worker}:jobs") for worker in WORKERS]
    assert sum(held) == len(running)
    assert waiting.tenant_waiting == places[b"queue"]
    assert (waiting.tokens_ahead == 0) == (places[b"queue"] == 0)
    for state in JobState:
        indexed = client.zcard(f"frontier:t:default:state:{state}")
        assert indexed == sum(job.state is state for job in jobs)
    by_id = {job.id: job for job in jobs}
    for job in jobs:
        if job.is_final:
            requeued = {"requeued_as": job.requeued_as, "version": job.version} if job.requeued_as else {}
            assert replace(walk.finals.setdefault(job.id, job), **requeued) == job
            assert client.zscore("frontier:retire", f"default/{job.id}") is not None
        if job.requeued_as:
            assert by_id[job.requeued_as].requeued_from == job.id
    dead = {job.id: job for job in store.dead_letters("default", limit=1000).jobs}
    assert len(dead) == client.zcard("frontier:t:default:dead")
    assert all(job.state is JobState.FAILED and job.requeued_as is None for job in dead.values())
    if waiting.mode == "paused":
        assert waiting.dispatched == 0

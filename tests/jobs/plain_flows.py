"""Start-time fair queueing of one model in plain Python; every tag is a sum of 1/256 tokens, so floats are exact."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from jobs.job import Priority
from tests.jobs.plain_job import PlainJob

WEIGHTS = {Priority.INTERACTIVE: 16, Priority.STANDARD: 4, Priority.BATCH: 1}
RANKS = list(WEIGHTS)
Flow = tuple[Priority, str]


@dataclass
class PlainFlows:
    """Tags of flows on a virtual clock. `jobs` are those of all models, by their refs; who waits is read off them.

    `weights` are those of tenants, 1 for one that has none. A flow without a tag stands at the clock.
    """

    model: str
    jobs: dict[str, PlainJob]
    weights: Mapping[str, float]
    clock: float = 0.0
    tags: dict[Flow, float] = field(default_factory=dict)
    floors: dict[Flow, float] = field(default_factory=dict)

    def waiting(self, flow: Flow) -> list[PlainJob]:
        """In the order in which they go."""
        found = [job for job in self._all_waiting() if flow_of(job) == flow]
        return sorted(found, key=lambda job: (job.turn, job.sequence))

    def active(self) -> dict[Flow, float]:
        """The flows where jobs wait, with their tags; that which goes next first."""
        flows = {flow_of(job) for job in self._all_waiting()}
        return {flow: self.tags[flow] for flow in sorted(flows, key=lambda flow: (self.tags[flow], *_order(flow)))}

    def next(self, *, interactive_alone: bool = False) -> PlainJob | None:
        for flow in self.active():
            if flow[0] is Priority.INTERACTIVE or not interactive_alone:
                return self.waiting(flow)[0]
        return None

    def join(self, job: PlainJob) -> None:
        """The job waits; what it has paid is given back. It waits as those that follow it would like best."""
        self.settle(job, 0)
        group = [job, *followers_of(self.jobs, job)]
        job.waits_as = min((one.new.priority for one in group), key=RANKS.index)
        job.turn = min(one.expires for one in group)
        flow = flow_of(job)
        if not self.waiting(flow):
            self.tags[flow], self.floors[flow] = max(self.tags.get(flow, 0.0), self.clock), self.clock
        job.paid, job.place = None, "queue"

    def serve(self, job: PlainJob) -> None:
        """The job that goes next goes."""
        self.clock = max(self.clock, self.tags[flow_of(job)])
        self.pay(job)

    def pay(self, job: PlainJob) -> None:
        flow = flow_of(job)
        self.floors.setdefault(flow, self.clock)
        self.tags[flow] = self.tags.get(flow, self.clock) + self.price(job.cost, flow)
        job.paid = self.tags[flow]

    def settle(self, job: PlainJob, tokens: int) -> None:
        """Correct the price to so many tokens, 0 for nothing, but not below what was forgiven since."""
        flow = flow_of(job)
        change = (self.price(tokens, flow) if tokens else 0.0) - self.price(job.cost, flow)
        if job.paid is None or (flow not in self.tags and change < 0):
            return
        if change < 0:
            change = -min(-change, max(0.0, job.paid - self.floors[flow]))
        self.floors.setdefault(flow, self.clock)
        self.tags[flow] = self.tags.get(flow, self.clock) + change
        self.tidy()

    def tidy(self) -> None:
        """Forget what no longer matters, whenever a job has left its place."""
        active = {flow_of(job) for job in self._all_waiting()}
        if not active:
            self.clock = max([self.clock, *self.tags.values()])
        for flow in [flow for flow, tag in self.tags.items() if flow not in active and tag <= self.clock]:
            del self.tags[flow], self.floors[flow]

    def ahead(self, flow: Flow, rank: int) -> tuple[int, int]:
        """Estimated jobs and tokens before the one at `rank` of its flow."""
        own = _average(self.waiting(flow))
        start = max(self.tags.get(flow, 0.0), 0.0 if self.waiting(flow) else self.clock) + rank * own / self.weight(
            flow
        )
        jobs, tokens = 0.0, 0.0
        for other in sorted(self.active(), key=lambda it: (RANKS.index(it[0]), self.tags[it], it[1])):
            if other == flow or self.tags[other] > start:
                continue
            waiting = self.waiting(other)
            turns = (start - self.tags[other]) * self.weight(other) / _average(waiting)
            goes_first = _order(other) < _order(flow)
            served = min(len(waiting), math.ceil(turns) + (math.ceil(turns) == turns and goes_first))
            jobs, tokens = jobs + served, tokens + served * _average(waiting)
        return math.floor(rank + jobs), math.floor(rank * own + tokens)

    def weight(self, flow: Flow) -> float:
        return self.weights.get(flow[1], 1) * WEIGHTS[flow[0]]

    def price(self, tokens: int, flow: Flow) -> float:
        return max(1, tokens) / self.weight(flow)

    def _all_waiting(self) -> Iterable[PlainJob]:
        return (job for job in self.jobs.values() if job.model == self.model and job.place == "queue")


def flow_of(job: PlainJob) -> Flow:
    return job.waits_as, job.new.tenant


def followers_of(jobs: dict[str, PlainJob], leader: PlainJob) -> list[PlainJob]:
    """Those that wait for its run, in the order in which they were accepted."""
    found = [job for job in jobs.values() if job.place == "following" and job.leader is leader]
    return sorted(found, key=lambda job: job.sequence)


def _order(flow: Flow) -> tuple[int, str]:
    """Which goes first of two with the same tag."""
    return RANKS.index(flow[0]), flow[1]


def _average(jobs: list[PlainJob]) -> float:
    return max(1.0, sum(job.cost for job in jobs) / len(jobs)) if jobs else 0.0

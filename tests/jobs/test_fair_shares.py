"""Who goes when jobs of several tenants and classes wait: shares, isolation, and nobody starved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from jobs.job import JobState, Outcome, Priority, Usage
from jobs.request import InferenceRequest, RequestType, SamplingParams

MODEL = "m"
COST = 9
"""Of a job as `bench` makes them: one token of prompt, eight of completion."""
INTERACTIVE, STANDARD, BATCH = Priority


class Line:
    """A model with a few slots, whose jobs end as soon as they have started, one after the other."""

    def __init__(self, bench: Any, slots: int = 1) -> None:
        self.bench, self.store, self.slots = bench, bench.store, slots
        self.join()

    def join(self) -> None:
        """A worker counts for some seconds from then on."""
        self.bench.join(slots=self.slots)

    def accept(self, tenant: str = "default", priority: Priority = STANDARD, tokens: int = COST, **changes: Any) -> str:
        params = SamplingParams(max_tokens=tokens - 1)
        request = InferenceRequest(model=MODEL, type=RequestType.COMPLETION, prompt="Once", params=params)
        new = self.bench.new(tenant=tenant, priority=priority, request=request, **changes)
        return str(self.store.accept(replace(new, id=f"{tenant}_{priority}_{new.id}")).job_id)

    def run(self, job_id: str, *, used: int | None = None) -> None:
        lease = self.bench.claim(job_id)
        tokens = lease.request.estimated_tokens if used is None else used
        self.store.finish(lease, Outcome(state=JobState.SUCCEEDED, text="", usage=Usage(completion_tokens=tokens)))

    def served(self, count: int, *, used: int | None = None) -> list[str]:
        """The next jobs, in the order in which they go."""
        self.join()
        served: list[str] = []
        while len(served) < count and (ids := self.store.dispatch(MODEL)):
            for job_id in ids:
                self.run(job_id, used=used)
            served += ids
        return served[:count]

    def flows(self) -> Any:
        """Everything that is kept of flows, by key."""
        names = sorted(key for key in self.bench.keys() if ":m:m:" in key)  # noqa: SIM118 - a method of the bench
        kept = ("queue:", "flows:", "idle", "floors", "waiting", "interactive")
        return [name for name in names if name.removeprefix("frontier:m:m:").startswith(kept)]


@pytest.fixture
def line(make_bench: Callable[..., Any]) -> Line:
    return Line(make_bench(dispatch_limit=1))


def who(job_ids: list[str]) -> list[str]:
    return [job_id.split("_")[0] for job_id in job_ids]


def classes(job_ids: list[str]) -> Counter[str]:
    return Counter(job_id.split("_")[1] for job_id in job_ids)


def test_beside_20000_waiting_jobs_of_a_neighbour_a_job_goes_when_the_next_slot_is_free(bench: Any) -> None:
    line = Line(bench, slots=4)
    for _ in range(20_000):
        line.accept("greedy")
    line.join()
    running = list(line.store.dispatch(MODEL))
    for _ in range(20):
        line.join()
        job_id = line.accept("modest")
        line.run(running.pop(0))
        assert line.store.dispatch(MODEL) == [job_id]
        running.append(job_id)
        while job_id in running:
            line.run(running.pop(0))
            running += line.store.dispatch(MODEL)


def test_tenants_with_long_queues_get_equal_shares_of_tokens_not_of_jobs(line: Line) -> None:
    for _ in range(40):
        line.accept("short", tokens=10)
        line.accept("long", tokens=40)
    assert Counter(who(line.served(25))) == {"short": 20, "long": 5}


def test_classes_are_served_as_16_to_4_to_1_whatever_their_jobs_cost(line: Line) -> None:
    costs = {INTERACTIVE: 20, STANDARD: 5, BATCH: 10}
    for priority, tokens in costs.items():
        for _ in range(360):
            line.accept(priority=priority, tokens=tokens)
    served = classes(line.served(400))
    spent = {priority: served[priority] * cost for priority, cost in costs.items()}
    assert spent[INTERACTIVE] / spent[STANDARD] == pytest.approx(4, rel=0.05)
    assert spent[STANDARD] / spent[BATCH] == pytest.approx(4, rel=0.15)


def test_the_class_of_one_tenant_takes_nothing_from_another_s_share_within_it(line: Line) -> None:
    for _ in range(64):
        line.accept("a", INTERACTIVE)
        line.accept("b", INTERACTIVE)
        line.accept("c", BATCH)
    assert Counter(who(line.served(66))) == {"a": 32, "b": 32, "c": 2}


@pytest.mark.parametrize("priority", [STANDARD, BATCH])
def test_endless_interactive_work_starves_no_class(line: Line, priority: Priority) -> None:
    for _ in range(20):
        line.accept("busy", INTERACTIVE)
    patient = [line.accept("patient", priority) for _ in range(3)]
    served: list[str] = []
    while not set(patient) <= set(served):
        assert len(served) < 80
        served += line.served(1)
        line.accept("busy", INTERACTIVE)
    assert served.index(patient[0]) <= 2  # whoever comes first to a class begins at the clock, not behind it


def test_a_tenant_that_was_away_has_saved_nothing_up(line: Line) -> None:
    for _ in range(40):
        line.accept("steady")
    line.accept("back")
    line.served(30)
    for _ in range(20):
        line.accept("back")
    assert Counter(who(line.served(10)))["back"] in {5, 6}


def test_a_tenant_does_not_get_rid_of_what_it_has_used_by_stopping_for_a_moment(line: Line) -> None:
    for _ in range(9):
        line.accept("steady")
    line.accept("hasty", tokens=40 * COST)
    assert who(line.served(2)) == ["hasty", "steady"]
    line.accept("hasty")
    assert who(line.served(8)) == ["steady"] * 8


def test_an_estimate_that_was_too_high_is_given_back(line: Line) -> None:
    for _ in range(20):
        line.accept("honest", tokens=10)
        line.accept("wary", tokens=1000)
    served = line.served(6, used=10)
    assert sorted(who(served[:2])) == sorted(who(served[2:4])) == sorted(who(served[4:])) == ["honest", "wary"]


def test_an_estimate_that_was_too_low_is_charged_in_the_end(line: Line) -> None:
    for _ in range(30):
        line.accept("honest", tokens=10)
        line.accept("sly", tokens=10)
    assert who(line.served(1)) == ["honest"]
    assert who(line.served(1, used=100)) == ["sly"]
    assert who(line.served(9)) == ["honest"] * 9


def test_what_was_cancelled_or_expired_before_it_ran_costs_its_flow_nothing(line: Line) -> None:
    for _ in range(6):
        line.accept("other")
    doomed = [line.accept("free", tokens=1000, start_within_seconds=seconds) for seconds in (60, 0)]
    assert line.store.dispatch(MODEL) == [doomed[0]]
    line.store.cancel("free", doomed[0])
    for _ in range(3):
        line.accept("free")
    assert Counter(who(line.served(6))) == {"free": 3, "other": 3}
    assert line.store.find("free", doomed[1]).state is JobState.EXPIRED


def test_inside_a_flow_the_job_goes_first_that_expires_first_and_then_the_older_one(line: Line) -> None:
    usual, second = line.accept(), line.accept()
    soon = line.accept(start_within_seconds=600)
    sooner = line.accept(deadline_at=4e9) and line.accept(start_within_seconds=300)
    assert line.served(4) == [sooner, soon, usual, second]


def test_a_job_that_comes_back_keeps_its_place_and_is_not_charged_again(bench: Any) -> None:
    line = Line(bench, slots=2)
    mine, others = [line.accept("mine") for _ in range(8)], [line.accept("other") for _ in range(8)]
    first = line.store.dispatch(MODEL)
    assert sorted(who(first)) == ["mine", "mine", "other", "other"]
    tags = paid(line, [*mine, *others])
    lease = bench.claim(mine[0])
    line.store.release(lease)
    line.store.put_back(mine[1], model=MODEL)
    assert line.store.dispatch(MODEL) == mine[:2]
    assert paid(line, [*mine, *others]) == tags
    line.store.release(bench.claim(mine[0]))
    line.store.set_mode(MODEL, "paused")
    line.store.set_mode(MODEL, "running")
    assert sorted(line.store.dispatch(MODEL)) == sorted(first)


def paid(line: Line, job_ids: list[str]) -> dict[str, Any]:
    """What the flows of jobs had paid when they went."""
    client = line.bench.client
    return {one: client.hget(f"frontier:t:{one.split('_')[0]}:job:{one}", "paid") for one in job_ids}


def test_many_jobs_that_come_back_at_once_keep_no_newcomer_waiting(bench: Any) -> None:
    line = Line(bench, slots=4)
    for _ in range(60):
        line.accept("returning")
    for _ in range(10):
        for job_id in line.store.dispatch(MODEL):
            line.store.postpone(bench.claim(job_id), seconds=0)
    newcomer = line.accept("newcomer")
    line.store.sweep()
    line.store.sweep()
    assert newcomer in line.served(3)


def test_tenants_that_came_once_leave_nothing(line: Line) -> None:
    for number in range(40):
        line.accept(f"t{number}", list(Priority)[number % 3])
    line.served(40)
    assert line.flows() == []


def test_beside_a_queue_that_is_never_empty_only_flows_ahead_of_the_clock_are_remembered(line: Line) -> None:
    for number in range(300):
        line.accept("always")
        line.accept(f"t{number}", INTERACTIVE)
        line.served(2 if number > 5 else 1)
    assert line.bench.client.zcard("frontier:m:m:idle") < 10
    assert line.bench.client.hlen("frontier:m:m:floors") < 20


def test_a_clock_that_has_run_for_years_tells_flows_apart(line: Line) -> None:
    line.bench.client.set("frontier:m:m:clock", 2**48)
    for _ in range(32):
        for priority in Priority:
            line.accept(priority=priority, tokens=8)
    assert classes(line.served(21)) == {"interactive": 16, "standard": 4, "batch": 1}


def test_an_embedding_of_almost_nothing_is_not_free(line: Line) -> None:
    request = InferenceRequest(model=MODEL, type=RequestType.EMBEDDING, inputs=("a",))
    for number in range(40):
        line.store.accept(line.bench.new(id=f"tiny_{number}", tenant="tiny", request=request))
    other = line.accept("other")
    assert other in line.served(12)


def test_what_an_older_release_has_left_waiting_joins_its_flow(line: Line) -> None:
    client = line.bench.client
    old = [line.accept("old") for _ in range(2)]
    for sequence, job_id in enumerate(old, start=1):
        client.zrem("frontier:m:m:queue:standard/old", f"{sequence:012x}:{job_id}")
        client.zadd("frontier:m:m:queue", {f"old/{job_id}": sequence})
    client.delete("frontier:m:m:flows:standard", "frontier:m:m:floors", "frontier:m:m:waiting")
    client.hset("frontier:m:m:waiting", mapping={"tokens": 2 * COST, "tenant:old": 2})
    new = line.accept("new")
    line.store.cancel("old", old[1])
    assert sorted(line.served(3)) == sorted([old[0], new])
    assert line.store.queue(MODEL, "old").waiting == 0
    assert line.flows() == []


@pytest.mark.parametrize("how", ["its record is gone", "it is elsewhere by now"])
def test_an_entry_without_a_job_that_waits_holds_nobody_up(line: Line, how: str) -> None:
    lost, next_ = line.accept(), line.accept()
    if how == "its record is gone":
        line.bench.client.delete(f"frontier:t:default:job:{lost}")
    else:
        line.bench.client.hset(f"frontier:t:default:job:{lost}", "place", "delayed")
    assert line.store.dispatch(MODEL) == [next_]
    assert line.store.queue(MODEL, "default").waiting == 0


def test_a_flow_without_entries_holds_nobody_up(line: Line) -> None:
    line.bench.client.zadd("frontier:m:m:flows:interactive", {"interactive/nobody": 0})
    job_id = line.accept()
    assert line.store.dispatch(MODEL) == [job_id]


def test_a_requeued_job_has_the_priority_of_the_old_one(line: Line) -> None:
    job_id = line.accept(priority=BATCH)
    line.store.cancel("default", job_id)
    line.store.requeue("default", job_id, new_id="job_again")
    assert line.store.find("default", "job_again").priority is BATCH

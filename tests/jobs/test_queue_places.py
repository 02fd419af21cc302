"""What a job is told of those before it, held against the order in which they go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobs.job import Priority
from tests.jobs.test_fair_shares import COST, MODEL, Line

INTERACTIVE, STANDARD, BATCH = Priority


def place(line: Line, tenant: str, job_id: str) -> Any:
    return line.store.place(line.store.find(tenant, job_id))


def test_where_all_jobs_cost_the_same_each_goes_at_its_position(make_bench: Callable[..., Any]) -> None:
    line = Line(make_bench(dispatch_limit=1))
    jobs = {}
    for number in range(60):
        tenant, priority = f"t{number % 4}", list(Priority)[number % 3]
        jobs[line.accept(tenant, priority)] = tenant
    told = {job_id: place(line, tenant, job_id).position for job_id, tenant in jobs.items()}
    assert line.served(60) == sorted(told, key=lambda job_id: told[job_id])
    assert sorted(told.values()) == list(range(60))


def test_the_tokens_ahead_are_those_of_the_jobs_ahead(make_bench: Callable[..., Any]) -> None:
    line = Line(make_bench(dispatch_limit=1))
    for _ in range(5):
        line.accept("other", tokens=30)
    first, second = line.accept("mine", tokens=30), line.accept("mine", tokens=30)
    assert place(line, "mine", first).tokens_ahead == 0
    assert place(line, "mine", second).position == 2
    assert place(line, "mine", second).tokens_ahead == 60


def test_a_job_submitted_now_would_stand_where_the_queue_says(make_bench: Callable[..., Any]) -> None:
    line = Line(make_bench(dispatch_limit=1))
    for _ in range(50):
        line.accept("greedy")
    status = line.store.queue(MODEL, "modest")
    assert (status.waiting, status.tenant_waiting, status.tokens_ahead) == (50, 0, COST)
    assert status.classes[BATCH].jobs_ahead == 1
    told = line.store.queue(MODEL, "greedy").classes[STANDARD]
    assert (told.waiting, told.tokens, told.jobs_ahead, told.tokens_ahead) == (50, 50 * COST, 50, 50 * COST)


def test_of_more_flows_than_are_looked_at_some_speak_for_all(make_bench: Callable[..., Any]) -> None:
    line = Line(make_bench(dispatch_limit=1))
    for number in range(400):
        line.accept(f"t{number:03}")
    last = line.accept("z")
    assert place(line, "z", last).position == pytest.approx(400, abs=1)

"""Equal jobs of a tenant at the same time: one run, whose result all of them have, whatever happens meanwhile."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import Any

from jobs.job import Job, JobState
from tests.system.small_site import SmallSite

MakeSite = Callable[..., SmallSite]

CONFIG = """
models:
  m: {engine: scripted, slots: 8, limits: {max_tokens: 9000}, script: {tokens_per_second: %s}}
"""
SAME: dict[str, Any] = {"temperature": 0}


def crowd(site: SmallSite, count: int, **params: Any) -> list[str]:
    with ThreadPoolExecutor(16) as threads:
        submits = [threads.submit(site.submit, **SAME, **params) for _ in range(count)]
        return [submit.result() for submit in submits]


def leaders(jobs: Sequence[Job]) -> list[Job]:
    """Those that ran themselves."""
    return [job for job in jobs if job.usage.engine_seconds > 0]


def all_have_it(jobs: Sequence[Job], tokens: int) -> bool:
    told = {(job.state, job.text, job.usage.completion_tokens) for job in jobs}
    return len(told) == 1 and {(job.state, job.usage.completion_tokens) for job in jobs} == {
        (JobState.SUCCEEDED, tokens)
    }


def test_fifty_equal_jobs_are_one_run_and_each_has_its_result_and_its_event(make_site: MakeSite) -> None:
    site = make_site(CONFIG % 200)
    ids = crowd(site, 50, max_tokens=40)
    site.worker.start()
    jobs = [site.final(job_id) for job_id in ids]
    assert all_have_it(jobs, 40)
    assert len(leaders(jobs)) == 1
    events = site.api.send("GET", "/v1/events?limit=100").json["data"]
    assert sorted(event["data"]["id"] for event in events) == sorted(ids)
    assert {event["type"] for event in events} == {"job.succeeded"}


def test_a_late_reader_of_a_run_that_others_share_is_told_every_token_in_order(make_site: MakeSite) -> None:
    site = make_site(CONFIG % 100)
    site.worker.start()
    first = site.read(site.submit(**SAME, max_tokens=200))
    site.readers.wait_until_read(30)
    late = site.read(site.submit(**SAME, max_tokens=200))
    site.readers.ended()
    assert late.jobs[0]["follows"] == first.job_id
    assert (len(late.pieces), late.text) == (200, first.text)
    assert late.frames == first.frames
    assert late.come_again() == 204
    assert all_have_it([site.job(first.job_id), site.job(late.job_id)], 200)


def test_a_killed_worker_s_run_goes_on_for_all_who_share_it(make_site: MakeSite) -> None:
    site = make_site(CONFIG % 100, FRONTIER_LEASE_S="2", FRONTIER_SWEEP_S="0.2")
    site.worker.start()
    ids = [site.submit(**SAME, max_tokens=300) for _ in range(4)]
    readers = [site.read(job_id) for job_id in ids]
    site.readers.wait_until_read(20)
    site.worker.signal(signal.SIGKILL)
    assert site.worker.wait() == -signal.SIGKILL
    site.worker.start()
    site.readers.ended()
    jobs = [site.final(job_id) for job_id in ids]
    assert all_have_it(jobs, 300)
    assert [(job.attempt, job.usage.wasted_tokens) for job in jobs] == [(2, 0)] * 4
    assert len({reader.text for reader in readers}) == 1
    assert len(leaders(jobs)) == 1


def test_a_cancelled_leader_s_followers_go_on_with_its_run(make_site: MakeSite) -> None:
    site = make_site(CONFIG % 100)
    site.worker.start()
    leader, *followers = [site.submit(**SAME, max_tokens=300) for _ in range(4)]
    readers = [site.read(job_id) for job_id in followers]
    site.readers.wait_until_read(20)
    assert site.api.send("POST", f"/v1/jobs/{leader}/cancel").status == 202
    assert site.final(leader).state is JobState.CANCELLED
    site.readers.ended()
    jobs = [site.final(job_id) for job_id in followers]
    assert all_have_it(jobs, 300)
    assert [job.follows for job in jobs] == [None, followers[0], followers[0]]
    assert {reader.text for reader in readers} == {jobs[0].text}


def test_an_api_that_dies_while_it_records_makes_no_second_run(make_site: MakeSite) -> None:
    site = make_site(CONFIG % 100, FRONTIER_FAILPOINTS="api.after_record=kill@6")
    ids = [insist(site, f"key-{number}") for number in range(12)]
    site.worker.start()
    jobs = [site.final(job_id) for job_id in ids]
    assert all_have_it(jobs, 100)
    assert len(leaders(jobs)) == 1
    assert {job.id for job in site.store.list("default", limit=100).jobs} == set(ids)


def insist(site: SmallSite, key: str) -> str:
    """Submit one job, over whatever becomes of the API."""
    body = {"model": "m", "input": {"prompt": "who knocks"}, "params": {**SAME, "max_tokens": 100}}
    for _ in range(600):
        try:
            answer = site.api.send("POST", "/v1/jobs", body, Idempotency_Key=key)
        except (OSError, HTTPException):
            threading.Event().wait(0.1)
        else:
            return str(answer.json["id"])
    raise AssertionError("the API does not come back")

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from jobs.answers import Emission
from jobs.connection import connect
from jobs.events import AttemptFinished, AttemptStarted
from jobs.job import JobState, Lease
from models.engine import EngineError, RequestRefused
from models.scripted import Reply
from tasks.running import StopReason
from tests.redis_process import RedisProcess
from tests.tasks.desk import Desk

Desks = Callable[..., Any]


def test_a_message_becomes_a_recorded_result(make_desk: Desks) -> None:
    desk = make_desk()
    job_id = desk.submit(max_tokens=10)
    assert desk.attempts.run(job_id) == "ok: succeeded"
    job = desk.find(job_id)
    assert (job.text, job.finish_reason, job.usage.completion_tokens) == ("four words are said", "stop", 4)
    assert job.timing.ttft_seconds is not None
    assert job.timing.tpot_seconds is not None
    assert "".join(desk.store.tokens("default", job_id)[1]) == job.text


@pytest.mark.parametrize("times", [2, 3])
def test_a_repeated_message_is_skipped(make_desk: Desks, times: int) -> None:
    desk = make_desk()
    job_id = desk.submit()
    answers = [desk.attempts.run(job_id) for _ in range(times)]
    assert answers == ["ok: succeeded"] + ["skipped"] * (times - 1)
    assert desk.find(job_id).attempt == 1


def test_listeners_hear_of_start_and_end_and_may_fail(make_desk: Desks) -> None:
    desk = make_desk()
    desk.attempts.run(desk.submit())
    assert [type(event) for event in desk.events] == [AttemptStarted, AttemptFinished]


def test_a_refused_request_fails_for_good_and_names_the_field(make_desk: Desks) -> None:
    refusal = RequestRefused("9 tokens are too many", code="context_length_exceeded", field="input")
    desk = make_desk(lambda _: Reply(error=refusal))
    job_id = desk.submit()
    assert desk.attempts.run(job_id) == "ok: failed"
    error = desk.find(job_id).error
    assert (error.code, error.field, error.message) == ("context_length_exceeded", "input", "9 tokens are too many")


def test_an_engine_error_leads_to_another_attempt_later(make_desk: Desks) -> None:
    desk = make_desk(lambda _: Reply(error=EngineError("a step failed")))
    job_id = desk.submit()
    desk.attempts.run(job_id)
    job = desk.find(job_id)
    assert (job.state, job.failures, job.error.code) == (JobState.QUEUED, 1, "engine_error")
    assert job.not_before is not None


def test_an_attempt_goes_on_from_the_tokens_of_the_one_before(make_desk: Desks) -> None:
    desk = make_desk()
    job_id = desk.submit(max_tokens=10)
    whole = desk.submit(max_tokens=10)
    desk.attempts.run(whole)
    ids, pieces = desk.store.tokens("default", whole)
    lost = desk.store.claim(job_id, model="m", worker="w0", claim_id="c", can_continue=True)
    assert isinstance(lost, Lease)
    desk.store.emit([Emission(lost, 0, ids[:2], pieces[:2])])
    desk.store.rescue_worker("w0")
    desk.store.dispatch("m")
    desk.attempts.run(job_id)
    job = desk.find(job_id)
    assert (job.text, job.attempt, job.usage.completion_tokens) == ("four words are said", 2, 4)
    assert desk.store.tokens("default", job_id) == (ids, pieces)


def test_an_engine_that_starts_over_reports_the_wasted_tokens(make_desk: Desks) -> None:
    desk = make_desk(can_continue=False)
    job_id = desk.submit(max_tokens=10)
    lost = desk.store.claim(job_id, model="m", worker="w0", claim_id="c", can_continue=True)
    desk.store.emit([Emission(lost, 0, [1, 2], ["a", "b"])])
    desk.store.rescue_worker("w0")
    desk.store.dispatch("m")
    desk.attempts.run(job_id)
    job = desk.find(job_id)
    assert (job.text, job.usage.wasted_tokens) == ("four words are said", 2)


@pytest.mark.parametrize(
    ("reason", "answer", "state"),
    [
        (StopReason.CANCELLED, "ok: cancelled", "cancelled"),
        (StopReason.OUT_OF_TIME, "ok: failed", "failed"),
        (StopReason.SHUTDOWN, "released", "queued"),
        (StopReason.LEASE_LOST, "lease lost", "running"),
    ],
)
def test_a_stopped_attempt_ends_by_its_reason(make_desk: Desks, reason: StopReason, answer: str, state: str) -> None:
    release = Event()
    desk = make_desk(lambda _: Reply("never said", released=release))
    job_id = desk.submit()
    with ThreadPoolExecutor(1) as thread:
        attempt = thread.submit(desk.attempts.run, job_id)
        desk.running.stop(desk.wait_for_attempt(), reason)
        assert attempt.result(timeout=10) == answer
    desk.client.hdel("frontier:m:m:slots", "w1")
    assert desk.find(job_id).state == state


def test_the_outcome_is_recorded_once_redis_is_back(tmp_path: Path) -> None:
    server = RedisProcess(tmp_path)
    server.start()
    release = Event()
    client = connect(server.url)
    desk = Desk(client, lambda _: Reply("said at last", released=release))
    try:
        job_id = desk.submit()
        desk.on_pause = lambda: server.start() if not server.is_running else None
        with ThreadPoolExecutor(1) as thread:
            attempt = thread.submit(desk.attempts.run, job_id)
            desk.wait_for_attempt()
            server.kill()
            release.set()
            assert attempt.result(timeout=30) == "ok: succeeded"
        assert desk.pauses
        assert desk.find(job_id).text == "said at last"
    finally:
        desk.engine.close()
        client.close()
        server.stop()


def test_a_closing_worker_puts_messages_back(make_desk: Desks) -> None:
    desk = make_desk()
    job_id = desk.submit()
    desk.is_closing = True
    assert desk.attempts.run(job_id) == "skipped"
    assert desk.store.queue("m", "default").waiting == 1
    assert desk.find(job_id).attempt == 0

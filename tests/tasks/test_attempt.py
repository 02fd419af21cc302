from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from jobs.answers import Emission
from jobs.connection import connect
from jobs.events import AttemptFinished, AttemptStarted
from jobs.job import JobState
from jobs.lease import Lease
from models.engine import EngineBusy, EngineError, RequestRefused
from models.scripted import Reply, ScriptedEngine
from resilience.failpoints import Failpoint
from tasks.running import StopReason
from tests.models.asking import ask
from tests.redis_process import RedisProcess
from tests.tasks.desk import Desk

Desks = Callable[..., Any]
Outages = Callable[..., Any]


def test_a_message_becomes_a_recorded_result(make_desk: Desks) -> None:
    desk = make_desk()
    job_id = desk.submit(max_tokens=10)
    assert desk.attempts.run(job_id) == "ok: succeeded"
    job = desk.find(job_id)
    assert (job.text, job.finish_reason, job.usage.completion_tokens) == ("four words are said", "stop", 4)
    assert job.timing.ttft_seconds is not None
    assert job.timing.tpot_seconds is not None
    assert desk.store.tokens("default", job_id).text == job.text


@pytest.mark.parametrize("times", [2, 3])
def test_a_repeated_message_is_skipped(make_desk: Desks, times: int) -> None:
    desk = make_desk()
    job_id = desk.submit()
    answers = [desk.attempts.run(job_id) for _ in range(times)]
    assert answers == ["ok: succeeded"] + ["skipped"] * (times - 1)
    assert desk.find(job_id).attempt == 1


def test_an_attempt_passes_each_failpoint_where_its_name_says(make_desk: Desks) -> None:
    desk = make_desk()
    job_id = desk.submit()
    passed: list[tuple[Failpoint, JobState]] = []
    attempts = replace(desk.attempts, reach=lambda place: passed.append((place, desk.find(job_id).state)))
    attempts.run(job_id)
    assert passed == [
        (Failpoint.WORKER_AFTER_MESSAGE, JobState.QUEUED),
        (Failpoint.WORKER_AFTER_CLAIM, JobState.RUNNING),
        (Failpoint.WORKER_BEFORE_FINISH, JobState.RUNNING),
        (Failpoint.WORKER_AFTER_FINISH, JobState.SUCCEEDED),
    ]


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


def test_a_job_of_a_busy_engine_waits_uncounted_for_as_long_as_asked(make_desk: Desks) -> None:
    busy = EngineBusy("again later", retry_after_seconds=1800)
    desk = make_desk(lambda _: Reply(error=busy))
    job_id = desk.submit()
    assert desk.attempts.run(job_id) == "postponed"
    job = desk.find(job_id)
    assert (job.state, job.failures, job.lost_leases, job.error) == (JobState.QUEUED, 0, 0, None)
    assert 1700 < job.not_before - job.claimed_at < 1900
    assert desk.events[-1] == AttemptFinished(desk.events[-1].lease, "m", "postponed", None, desk.events[-1].times)


def test_a_job_of_a_busy_engine_whose_cancel_was_asked_for_is_cancelled(make_desk: Desks) -> None:
    release = Event()
    desk = make_desk(lambda _: Reply(error=EngineBusy("again later", retry_after_seconds=60), released=release))
    job_id = desk.submit()
    with ThreadPoolExecutor(1) as thread:
        attempt = thread.submit(desk.attempts.run, job_id)
        desk.wait_for_attempt()
        desk.store.cancel("default", job_id)
        release.set()
        assert attempt.result(timeout=60) == "postponed"
    assert desk.find(job_id).state is JobState.CANCELLED


def test_an_attempt_goes_on_from_the_tokens_of_the_one_before(make_desk: Desks) -> None:
    desk = make_desk()
    job_id = desk.submit(max_tokens=10)
    whole = desk.submit(max_tokens=10)
    desk.attempts.run(whole)
    log = desk.store.tokens("default", whole)
    lost = desk.store.claim(job_id, model="m", worker="w0", claim_id="c", can_continue=True)
    assert isinstance(lost, Lease)
    desk.store.emit([Emission(lost, 0, log.ids[:2], log.pieces[:2])])
    desk.store.rescue_worker("w0")
    desk.store.dispatch("m")
    desk.attempts.run(job_id)
    job = desk.find(job_id)
    assert (job.text, job.attempt, job.usage.completion_tokens) == ("four words are said", 2, 4)
    assert desk.store.tokens("default", job_id) == log


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
        assert attempt.result(timeout=60) == answer
    desk.client.hdel("frontier:m:m:slots", "w1")
    assert desk.find(job_id).state == state


class Outage:
    """A desk whose server goes away as soon as its one job runs; a pause lasts `pause_seconds` on its clock."""

    def __init__(self, folder: Path, *, pause_seconds: float = 1.0) -> None:
        self.server = RedisProcess(folder)
        self.server.start()
        self.client = connect(self.server.url)
        self._ends = Event()
        self._now = 0.0
        self._pause_seconds = pause_seconds
        self.desk = Desk(self.client, lambda _: Reply("said at last", released=self._ends))
        self.desk.on_pause = self.pause
        self.attempts = replace(self.desk.attempts, clock=lambda: self._now, refill=lambda: None)

    def run(self) -> tuple[str, str]:
        """The job's id and what became of the attempt."""
        job_id = self.desk.submit()
        with ThreadPoolExecutor(1) as thread:
            attempt = thread.submit(self.attempts.run, job_id)
            self.desk.wait_for_attempt()
            self.server.stop()  # a kill could take back the claim just made
            self._ends.set()
            return job_id, attempt.result(timeout=30)

    def pause(self) -> None:
        self._now += self._pause_seconds

    def end(self) -> None:
        self.desk.engine.close()
        self.client.connection_pool.disconnect()
        self.server.stop()


@pytest.fixture
def make_outage(tmp_path: Path) -> Iterator[Callable[..., Outage]]:
    outages: list[Outage] = []

    def make(**options: float) -> Outage:
        outages.append(Outage(tmp_path, **options))
        return outages[-1]

    yield make
    for outage in outages:
        outage.end()


def test_the_outcome_is_recorded_once_redis_is_back_however_long_that_takes(make_outage: Outages) -> None:
    outage = make_outage(pause_seconds=10_000)

    def come_back() -> None:
        outage.pause()
        if not outage.server.is_running:
            outage.server.start()

    outage.desk.on_pause = come_back
    job_id, answer = outage.run()
    assert answer == "ok: succeeded"
    assert outage.desk.pauses
    assert outage.desk.find(job_id).text == "said at last"


def test_a_closing_worker_does_not_wait_for_ever_for_redis(make_outage: Outages) -> None:
    outage = make_outage()

    def close() -> None:
        outage.pause()
        outage.desk.is_closing = True

    outage.desk.on_pause = close
    _, answer = outage.run()
    assert answer == "not recorded: succeeded"
    assert len(outage.desk.pauses) < 10


def test_a_closing_worker_skips_messages_while_redis_is_away(make_outage: Outages) -> None:
    outage = make_outage()
    outage.server.stop()
    outage.desk.is_closing = True
    assert outage.attempts.run("job_any") == "skipped"


def test_a_job_claimed_while_the_worker_begins_to_close_is_released(make_desk: Desks) -> None:
    desk = make_desk(lambda _: Reply("never said", released=Event()))
    job_id = desk.submit()
    closing = iter([False, True])
    attempts = replace(desk.attempts, is_closing=lambda: next(closing))
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(attempts.run, job_id).result(timeout=60) == "released"
    assert (desk.find(job_id).lost_leases, desk.find(job_id).failures) == (0, 0)


def test_a_worker_may_claim_its_own_rescued_job_while_it_still_runs_it(make_desk: Desks) -> None:
    ends = Event()
    desk = make_desk(lambda _: Reply("four words are said", released=ends))
    job_id = desk.submit()
    with ThreadPoolExecutor(2) as threads:
        superseded = threads.submit(desk.attempts.run, job_id)
        first = desk.wait_for_attempt()
        desk.started.clear()
        desk.store.rescue_worker("w1")
        desk.store.heartbeat("w1", model="m", slots=4, instance="h/1/1")
        desk.store.dispatch("m")
        heir = threads.submit(desk.attempts.run, job_id)
        assert desk.started.wait(10)
        assert len(desk.running.all()) == 2
        desk.running.stop(first, StopReason.LEASE_LOST)
        assert superseded.result(timeout=60) == "lease lost"
        assert [attempt.lease.attempt for attempt in desk.running.all()] == [2]
        ends.set()
        assert heir.result(timeout=60) == "ok: succeeded"
    assert (desk.find(job_id).failures, desk.find(job_id).attempt) == (0, 2)


def test_a_closing_worker_puts_messages_back(make_desk: Desks) -> None:
    desk = make_desk()
    job_id = desk.submit()
    desk.is_closing = True
    assert desk.attempts.run(job_id) == "skipped"
    assert desk.store.queue("m", "default").waiting == 1
    assert desk.find(job_id).attempt == 0


def test_the_wait_for_a_slot_is_no_time_of_the_attempt(make_desk: Desks) -> None:
    is_in_slot, released = Event(), Event()
    engine = ScriptedEngine({"Hold": Reply("held", released=released)}, slots=1)
    desk = make_desk(engine=engine)
    now = [0.0]
    attempts = replace(desk.attempts, clock=lambda: now[0])
    engine.submit("other", ask("Hold"), lambda _: None, on_start=is_in_slot.set)
    assert is_in_slot.wait(60)
    job_id = desk.submit(timeout_seconds=5)
    with ThreadPoolExecutor(1) as thread:
        ended = thread.submit(attempts.run, job_id)
        attempt = desk.wait_for_attempt()
        now[0] = 60.0
        assert (attempt.waited_seconds, attempt.run_until) == (60, pytest.approx(65, abs=0.1))
        released.set()
        assert ended.result(timeout=60) == "ok: succeeded"
    now[0] = 90.0
    assert (attempt.waited_seconds, attempt.run_until) == (60, pytest.approx(65, abs=0.1))


def test_a_job_whose_deadline_passes_between_claim_and_engine_never_reaches_it(make_desk: Desks) -> None:
    said: list[object] = []

    def say(request: object) -> Reply:
        said.append(request)
        return Reply(text="too late")

    desk = make_desk(say)
    job_id = desk.submit(deadline_at=time.time() + 30)
    stood_still = iter([0.0])

    def clock() -> float:
        return time.monotonic() + next(stood_still, 60.0)

    assert replace(desk.attempts, clock=clock).run(job_id) == "ok: expired"
    assert said == []
    assert desk.find(job_id).text is None

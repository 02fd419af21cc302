"""Readers of a job's tokens: what they see, and what it means for the job that they have seen it."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.answers import Emission, Emitted, Skipped
from jobs.errors import JobNotFound
from jobs.followed import Cursor, Followed
from jobs.job import AttemptError, JobState, Outcome, Usage
from jobs.lease import Lease
from jobs.request import Candidate, TokenLogprobs
from jobs.token_run import TokenRun

FAILED = Outcome(state=JobState.FAILED, error=AttemptError(code="engine_error", message="It broke."))
TOLD = TokenLogprobs(Candidate("a", -0.5), (Candidate("a", -0.5), Candidate("b", -1.25)))


def emit(bench: Any, lease: Lease, first: int, text: str) -> Emitted:
    ids = list(range(first, first + len(text)))
    [answer] = bench.store.emit([Emission(lease, first, ids, list(text))])
    return answer  # type: ignore[no-any-return]


def look(bench: Any, lease: Lease, cursor: Cursor = Cursor()) -> Followed:  # noqa: B008 - frozen
    followed: Followed = bench.store.follow("default", lease.job_id, cursor)
    return followed


def finish(bench: Any, lease: Lease, text: str, state: JobState = JobState.SUCCEEDED, **options: Any) -> None:
    outcome = Outcome(state=state, text=text, finish_reason="stop", usage=Usage(completion_tokens=len(text)))
    log = TokenRun(ids=list(range(len(text))), pieces=list(text))
    assert bench.store.finish(lease, outcome, tokens=log, **options) == "ok"


def test_a_reader_gets_each_token_once_whenever_it_looks(bench: Any) -> None:
    lease = bench.running()
    first = look(bench, lease)
    assert (first.state, list(first.tokens.pieces), first.has_more) == (JobState.RUNNING, [], False)
    emit(bench, lease, 0, "ab")
    second = look(bench, lease, first.cursor)
    emit(bench, lease, 2, "cde")
    third = look(bench, lease, second.cursor)
    finish(bench, lease, "abcdefg")
    last = look(bench, lease, third.cursor)
    looks = [first, second, third, last]
    assert [one.tokens.text for one in looks] == ["", "ab", "cde", "fg"]
    assert [one.tokens.first for one in looks] == [0, 0, 2, 5]
    assert (last.state, last.has_more) == (JobState.SUCCEEDED, False)
    assert look(bench, lease, last.cursor).tokens == TokenRun(first=7)


@pytest.mark.parametrize("is_over", [False, True])
def test_a_reader_goes_on_from_any_token(bench: Any, *, is_over: bool) -> None:
    lease = bench.running()
    emit(bench, lease, 0, "ab")
    emit(bench, lease, 2, "cde")
    if is_over:
        finish(bench, lease, "abcde")
    for index in range(6):
        tokens = look(bench, lease, Cursor(tokens=index)).tokens
        assert (tokens.first, tokens.text) == (index, "abcde"[index:])


def test_a_reader_that_is_ahead_of_the_record_waits_for_its_token(bench: Any) -> None:
    lease = bench.running()
    emit(bench, lease, 0, "ab")
    ahead = look(bench, lease, Cursor(tokens=4))
    assert ahead.tokens == TokenRun(first=4)
    emit(bench, lease, 2, "cde")
    assert look(bench, lease, ahead.cursor).tokens.text == "e"


def test_a_long_log_is_read_in_portions(bench: Any) -> None:
    lease = bench.running()
    for index in range(450):
        emit(bench, lease, index, "x")
    cursor, portions = Cursor(), []
    while (one := look(bench, lease, cursor)).has_more:
        portions.append(len(one.tokens))
        cursor = one.cursor
    assert [*portions, len(one.tokens)] == [200, 200, 50]


def test_log_probabilities_come_with_their_tokens_also_to_the_next_attempt(bench: Any) -> None:
    lease = bench.running()
    bench.store.emit([Emission(lease, 0, [1, 2], ["a", ""], [TOLD, None])])
    assert look(bench, lease).tokens.logprobs == (TOLD, None)
    bench.let_lease_lapse(lease)
    bench.store.sweep()
    bench.store.dispatch("m")
    assert bench.claim(lease.job_id).emitted_logprobs == (TOLD, None)


def test_the_worker_hears_of_a_reader_at_once_and_of_one_that_came_with_the_job_at_the_claim(bench: Any) -> None:
    assert bench.running(is_streamed=True).is_streamed
    lease = bench.running()
    assert not lease.is_streamed
    with bench.client.pubsub(ignore_subscribe_messages=True) as channel:
        channel.subscribe("frontier:c:w1")
        channel.get_message(timeout=1)
        look(bench, lease)
        look(bench, lease)
        heard = [channel.get_message(timeout=1), channel.get_message(timeout=0.05)]
    assert heard[0] is not None
    assert heard[0]["data"].decode() == f"default/{lease.job_id}"
    assert heard[1] is None


def lose(bench: Any, lease: Lease) -> None:
    bench.let_lease_lapse(lease)
    bench.store.sweep()
    assert bench.store.dispatch("m") == [lease.job_id]


def test_a_job_that_cannot_be_continued_begins_anew_while_no_reader_has_seen_of_it(bench: Any) -> None:
    lease = bench.running()
    look(bench, lease)
    emit(bench, lease, 0, "ab")
    lose(bench, lease)
    again = bench.claim(lease.job_id, can_continue=False)
    assert (again.emitted_ids, again.wasted_tokens) == ((), 2)
    emit(bench, again, 0, "cd")
    assert look(bench, again).tokens.text == "cd"


def test_a_job_that_cannot_be_continued_fails_as_lost_once_a_reader_has_seen_of_it(bench: Any) -> None:
    lease = bench.running()
    emit(bench, lease, 0, "ab")
    look(bench, lease)
    lose(bench, lease)
    assert bench.try_claim(lease.job_id, can_continue=False) == Skipped("its tokens were read")
    job = bench.store.find("default", lease.job_id)
    assert (job.state, job.error.code, job.text) == (JobState.FAILED, "worker_lost", "ab")
    assert (job.lost_leases, job.usage.completion_tokens) == (1, 2)
    assert [dead.id for dead in bench.store.dead_letters("default").jobs] == [lease.job_id]
    assert bench.watched() == set()


def test_a_suspect_that_cannot_be_continued_keeps_no_worker(bench: Any) -> None:
    lease = bench.running()
    emit(bench, lease, 0, "ab")
    lose(bench, lease)
    second = bench.claim(lease.job_id)
    look(bench, second)
    lose(bench, second)
    assert isinstance(bench.try_claim(lease.job_id, can_continue=False), Skipped)
    assert bench.running().attempt == 1


def test_what_can_be_continued_is_continued_though_readers_have_seen_of_it(bench: Any) -> None:
    lease = bench.running()
    emit(bench, lease, 0, "ab")
    look(bench, lease)
    lose(bench, lease)
    assert bench.claim(lease.job_id).emitted_pieces == ("a", "b")


@pytest.mark.parametrize(
    ("is_seen", "can_continue", "state"), [(True, False, "failed"), (True, True, "queued"), (False, False, "queued")]
)
def test_no_attempt_follows_one_that_failed_after_readers_saw_tokens_it_cannot_go_on_from(
    bench: Any, *, is_seen: bool, can_continue: bool, state: str
) -> None:
    lease = bench.running()
    emit(bench, lease, 0, "ab")
    if is_seen:
        look(bench, lease)
    assert bench.store.finish(lease, FAILED, retry_after_seconds=0, can_continue=can_continue) == "ok"
    assert bench.state(lease.job_id) == state


def test_a_cancelled_job_keeps_its_text_also_if_nobody_was_there_to_end_it(bench: Any) -> None:
    lease = bench.running()
    emit(bench, lease, 0, "ab")
    bench.store.cancel("default", lease.job_id)
    bench.let_lease_lapse(lease)
    bench.store.sweep()
    job = bench.store.find("default", lease.job_id)
    assert (job.state, job.text, job.usage.completion_tokens) == (JobState.CANCELLED, "ab", 2)
    assert look(bench, lease).tokens.text == "ab"


def test_an_unknown_job_has_no_reader(bench: Any) -> None:
    with pytest.raises(JobNotFound):
        bench.store.follow("default", "job_none")

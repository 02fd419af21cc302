"""One run for jobs of a tenant that would have the same result."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from jobs.answers import Emission
from jobs.errors import ModelDraining, QueueFull
from jobs.followed import Cursor
from jobs.job import AttemptError, JobState, Outcome, Priority, Usage
from jobs.lease import Lease
from jobs.store import JobStore
from jobs.token_run import TokenRun
from jobs.webhooks.webhook import JobWebhook

MODEL = "m"
TEXT = TokenRun(ids=(1, 2, 3), pieces=("up", "on", " a"))
DONE = Outcome(
    state=JobState.SUCCEEDED,
    text="upon a",
    finish_reason="stop",
    usage=Usage(prompt_tokens=5, completion_tokens=3, engine_seconds=2.5),
)
REFUSED = Outcome(state=JobState.FAILED, error=AttemptError(code="prompt_too_long", message="too long"))
BROKEN = Outcome(state=JobState.FAILED, error=AttemptError(code="engine_error", message="it broke"))
CANCELLED = Outcome(state=JobState.CANCELLED, text="up", usage=Usage(completion_tokens=1))


def led(bench: Any, followers: int = 2, **changes: Any) -> tuple[Lease, list[str]]:
    """A job that runs, and those that follow it."""
    lease: Lease = bench.running(run_digest="same", **changes)
    return lease, [bench.accept(run_digest="same") for _ in range(followers)]


def emit(bench: Any, lease: Lease, count: int, first: int = 0) -> None:
    ids, pieces = TEXT.ids[first : first + count], TEXT.pieces[first : first + count]
    [emitted] = bench.store.emit([Emission(lease, first, ids, pieces)])
    assert emitted.verdict == "ok"


def states(bench: Any, job_ids: list[str]) -> list[str]:
    return [bench.state(job_id) for job_id in job_ids]


def lose(bench: Any, lease: Lease) -> None:
    bench.let_lease_lapse(lease)
    bench.store.sweep()


def test_all_who_wait_for_a_run_have_its_result_of_which_nothing_was_generated_for_them(bench: Any) -> None:
    lease, followers = led(bench, metadata={"own": "1"})
    assert lease.is_shared
    assert bench.store.finish(lease, DONE, tokens=TEXT) == "ok"
    for job_id in followers:
        job = bench.store.find("default", job_id)
        assert (job.state, job.text, job.finish_reason, job.metadata) == (JobState.SUCCEEDED, "upon a", "stop", {})
        assert job.follows == lease.job_id
        assert job.usage == Usage(prompt_tokens=5, completion_tokens=3, cached_tokens=8)
        assert bench.store.tokens("default", job_id) == TEXT
    assert bench.store.find("default", lease.job_id).usage == DONE.usage
    events: Any = bench.client.xrange("frontier:t:default:events")
    told = [fields[b"subject"].decode() for _, fields in events]
    assert told == [lease.job_id, *followers]
    assert bench.watched() == set()
    assert not [key for key in sorted(bench.keys()) if ":followers:" in key or ":same:" in key]


def test_each_webhook_tells_of_its_own_job(bench: Any) -> None:
    hook = JobWebhook(
        url="https://one.example/", origin="https://one.example", events=("job.succeeded",), include_result=True
    )
    lease = bench.running(run_digest="same")
    follower = bench.accept(run_digest="same", webhook=hook)
    bench.store.finish(lease, DONE, tokens=TEXT)
    [letter] = [key for key in sorted(bench.keys()) if ":letter:" in key]
    body = bench.client.get(letter).decode()
    assert f'"id":"{follower}"' in body
    assert '"text":"upon a"' in body
    assert '"cached_tokens":8' in body


def test_a_long_result_is_linked_where_it_belongs(bench: Any) -> None:
    hook = JobWebhook(
        url="https://one.example/", origin="https://one.example", events=("job.succeeded",), include_result=True
    )
    lease = bench.running(run_digest="same")
    follower = bench.accept(run_digest="same", webhook=hook)
    bench.store.finish(lease, Outcome(state=JobState.SUCCEEDED, text="x" * 1_000_000))
    [letter] = [key for key in sorted(bench.keys()) if ":letter:" in key]
    assert f'"result_url":"/v1/jobs/{follower}/result"' in bench.client.get(letter).decode()


def test_of_many_equal_submits_at_once_one_runs(bench: Any) -> None:
    jobs = [bench.new(run_digest="same") for _ in range(50)]
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(bench.store.accept, jobs))
    bench.join(slots=100)
    [leader] = bench.store.dispatch(MODEL)
    bench.store.finish(bench.claim(leader), DONE, tokens=TEXT)
    assert {job.text for job in bench.store.list("default", limit=100).jobs} == {"upon a"}


def test_other_digests_and_other_tenants_have_runs_of_their_own(bench: Any) -> None:
    bench.join(slots=10)
    alone = [bench.accept(run_digest="same"), bench.accept(run_digest="other"), bench.accept(), bench.accept()]
    alone.append(bench.accept(run_digest="same", tenant="another"))
    assert sorted(bench.store.dispatch(MODEL)) == alone


def test_a_follower_is_where_its_leader_is(bench: Any) -> None:
    lease, [first, second] = led(bench)
    assert states(bench, [first, second]) == ["running", "running"]
    emit(bench, lease, 2)
    job = bench.store.find("default", first)
    assert (job.attempt, job.emitted_tokens, job.worker, job.started_at is None) == (1, 2, "w1", False)
    bench.store.release(lease)
    assert states(bench, [lease.job_id, first, second]) == ["queued"] * 3
    bench.store.dispatch(MODEL)
    again = bench.claim(lease.job_id)
    assert states(bench, [first, second]) == ["running", "running"]
    bench.store.postpone(again, seconds=60)
    job = bench.store.find("default", second)
    assert (job.state, job.not_before is None) == (JobState.QUEUED, False)
    assert len(bench.watched()) == 3


def test_a_follower_waits_in_no_queue_and_stands_where_its_leader_does(bench: Any) -> None:
    ahead, leader = bench.accept(), bench.accept(run_digest="same")
    follower = bench.store.accept(bench.new(run_digest="same"), max_waiting=2).job_id
    assert bench.store.queue(MODEL, "default").waiting == 2
    place, its_leader_s = (bench.store.place(bench.store.find("default", one)) for one in (follower, leader))
    assert place == its_leader_s
    assert place.position == 1
    bench.store.cancel("default", ahead)
    with pytest.raises(QueueFull):
        bench.store.accept(bench.new(), max_waiting=1)
    bench.store.set_mode(MODEL, "draining")
    with pytest.raises(ModelDraining):
        bench.accept(run_digest="same")


def test_a_leader_waits_in_the_highest_class_of_all_and_shows_its_own(bench: Any) -> None:
    bench.join()
    leader = bench.accept(run_digest="same", priority=Priority.BATCH)
    others = [bench.accept(priority=Priority.STANDARD) for _ in range(3)]
    bench.accept(run_digest="same", priority=Priority.INTERACTIVE)
    assert bench.store.find("default", leader).priority is Priority.BATCH
    assert bench.store.dispatch(MODEL)[0] == leader
    assert bench.state(others[0]) == "queued"
    bench.store.finish(bench.claim(leader), DONE)
    assert bench.store.find("default", leader).priority is Priority.BATCH
    assert not bench.client.exists("frontier:m:m:interactive")


def test_a_leader_goes_as_early_as_the_first_of_them_that_expires(bench: Any) -> None:
    now = time.time()
    leader = bench.accept(run_digest="same", deadline_at=now + 1000)
    bench.accept(deadline_at=now + 500)
    bench.accept(run_digest="same", deadline_at=now + 100)
    bench.join()
    assert bench.store.dispatch(MODEL)[0] == leader


def test_whose_time_is_up_ends_alone(bench: Any) -> None:
    lease, [kept] = led(bench, 1)
    emit(bench, lease, 2)
    early = bench.accept(run_digest="same", deadline_at=time.time() + 0.2)
    late = bench.accept(run_digest="same", start_within_seconds=0.1)
    while bench.state(early) != "expired":
        bench.client.zadd("frontier:watch", {f"default/{early}": 1, f"default/{late}": 1})
        bench.store.sweep()
    assert bench.store.find("default", early).text == "upon"
    assert states(bench, [lease.job_id, kept, late]) == ["running"] * 3
    bench.store.finish(lease, DONE, tokens=TEXT)
    assert states(bench, [kept, late, early]) == ["succeeded", "succeeded", "expired"]


def test_a_cancelled_follower_ends_alone_with_what_it_had(bench: Any) -> None:
    lease, [first, second] = led(bench)
    emit(bench, lease, 2)
    assert bench.store.cancel("default", first).state is JobState.CANCELLED
    assert bench.store.find("default", first).text == "upon"
    bench.store.finish(lease, DONE, tokens=TEXT)
    assert states(bench, [lease.job_id, first, second]) == ["succeeded", "cancelled", "succeeded"]


def test_when_a_leader_is_cancelled_the_first_follower_goes_on_from_its_tokens(bench: Any) -> None:
    lease, [first, second] = led(bench)
    followed = bench.store.follow("default", second)
    emit(bench, lease, 2)
    bench.store.cancel("default", lease.job_id)
    bench.store.finish(lease, CANCELLED, tokens=TEXT)
    assert states(bench, [lease.job_id, first, second]) == ["cancelled", "queued", "queued"]
    assert bench.store.dispatch(MODEL) == [first]
    heir = bench.claim(first)
    assert (heir.emitted_ids, heir.is_streamed, heir.attempt) == ((1, 2), True, 1)
    emit(bench, heir, 1, first=2)
    assert bench.store.follow("default", second, followed.cursor).tokens == TEXT
    bench.store.finish(heir, DONE, tokens=TEXT)
    assert bench.store.find("default", second).follows == first
    assert states(bench, [first, second]) == ["succeeded", "succeeded"]


def test_when_a_waiting_leader_is_cancelled_the_first_follower_waits_in_its_place(bench: Any) -> None:
    leader, first, second = [bench.accept(run_digest="same") for _ in range(3)]
    bench.store.cancel("default", leader)
    bench.join()
    assert bench.store.dispatch(MODEL) == [first]
    bench.store.finish(bench.claim(first), DONE)
    assert states(bench, [leader, first, second]) == ["cancelled", "succeeded", "succeeded"]


def test_what_a_model_refuses_it_refuses_to_all(bench: Any) -> None:
    lease, followers = led(bench)
    bench.store.finish(lease, REFUSED)
    for job_id in followers:
        job = bench.store.find("default", job_id)
        assert (job.state, job.error.code) == (JobState.FAILED, "prompt_too_long")
    assert bench.store.dead_letters("default").jobs == []


def test_a_limit_of_the_leader_s_own_ends_nobody_who_has_a_longer_one(bench: Any) -> None:
    lease = bench.running(run_digest="same", timeout_seconds=5)
    short, longer = (
        bench.accept(run_digest="same", timeout_seconds=5),
        bench.accept(run_digest="same", timeout_seconds=50),
    )
    bench.store.finish(lease, REFUSED)
    assert states(bench, [lease.job_id, short, longer]) == ["failed", "failed", "queued"]


def test_failures_count_against_the_run_whoever_leads_it(bench: Any) -> None:
    lease = bench.running(run_digest="same", max_attempts=1)
    one, three = bench.accept(run_digest="same", max_attempts=1), bench.accept(run_digest="same", max_attempts=3)
    bench.store.finish(lease, BROKEN, retry_after_seconds=0)
    assert states(bench, [lease.job_id, one, three]) == ["failed", "failed", "queued"]
    assert {job.id for job in bench.store.dead_letters("default").jobs} == {lease.job_id, one}
    for attempt in (2, 3):
        bench.store.sweep()
        bench.store.dispatch(MODEL)
        heir = bench.claim(three)
        assert heir.attempt == attempt
        bench.store.finish(heir, BROKEN, retry_after_seconds=0)
    assert bench.state(three) == "failed"


def test_a_poison_job_fails_with_all_who_would_do_the_same(bench: Any) -> None:
    lease, followers = led(bench)
    for _ in range(2):
        lose(bench, lease)
        bench.join()
        bench.store.dispatch(MODEL)
        lease = bench.claim(lease.job_id)
    lose(bench, lease)
    jobs = [bench.store.find("default", job_id) for job_id in (lease.job_id, *followers)]
    assert {(job.state, job.error.code, job.lost_leases) for job in jobs} == {(JobState.FAILED, "worker_lost", 3)}
    assert len(bench.store.dead_letters("default").jobs) == 3


def test_who_takes_over_from_a_suspect_is_one(bench: Any) -> None:
    lease, [heir] = led(bench, 1)
    for _ in range(2):
        lose(bench, lease)
        bench.join()
        bench.store.dispatch(MODEL)
        lease = bench.claim(lease.job_id)
    bench.store.cancel("default", lease.job_id)
    bench.store.finish(lease, CANCELLED)
    assert bench.store.find("default", heir).lost_leases == 2


def test_a_late_reader_is_told_all_from_the_first_token_on_and_has_the_worker_hurry(bench: Any) -> None:
    lease, [follower] = led(bench, 1)
    emit(bench, lease, 2)
    seen = bench.store.follow("default", follower)
    assert (seen.state, seen.tokens.ids) == (JobState.RUNNING, (1, 2))
    [signals] = bench.store.signals([lease])
    assert signals.streamed
    with bench.client.pubsub(ignore_subscribe_messages=True) as listener:
        listener.subscribe(f"frontier:t:default:wake:{follower}")
        listener.get_message(timeout=5)
        emit(bench, lease, 1, first=2)
        message = None
        while message is None:
            message = listener.get_message(timeout=5)
    rest = bench.store.follow("default", follower, seen.cursor)
    assert (rest.tokens.first, rest.tokens.ids) == (2, (3,))
    bench.store.finish(lease, DONE, tokens=TEXT)
    last = bench.store.follow("default", follower, rest.cursor)
    assert (last.state, len(last.tokens), last.has_more) == (JobState.SUCCEEDED, 0, False)
    assert bench.store.follow("default", follower, Cursor()).tokens == TEXT


def test_where_nobody_can_go_on_those_whose_readers_saw_tokens_fail_and_the_others_start_again(bench: Any) -> None:
    lease, [seen, unseen] = led(bench)
    emit(bench, lease, 2)
    bench.store.follow("default", seen)
    lose(bench, lease)
    bench.join()
    bench.store.dispatch(MODEL)
    again = bench.claim(lease.job_id, can_continue=False)
    assert (again.emitted_ids, again.wasted_tokens) == ((), 2)
    assert states(bench, [seen, unseen]) == ["failed", "running"]
    assert bench.store.find("default", seen).text == "upon"
    bench.store.follow("default", lease.job_id)
    emit(bench, again, 1)
    bench.store.follow("default", lease.job_id)
    lose(bench, again)
    bench.join()
    bench.store.dispatch(MODEL)
    assert not isinstance(bench.try_claim(lease.job_id, can_continue=False), Lease)
    assert states(bench, [lease.job_id, unseen]) == ["failed", "queued"]
    bench.store.dispatch(MODEL)
    bench.store.finish(bench.claim(unseen, can_continue=False), DONE)
    assert bench.state(unseen) == "succeeded"


def test_no_more_than_64_wait_for_one_run(bench: Any) -> None:
    leader = bench.accept(run_digest="same")
    followers = [bench.accept(run_digest="same") for _ in range(65)]
    assert {bench.store.find("default", one).follows for one in followers[:64]} == {leader}
    assert bench.store.find("default", followers[64]).follows is None
    assert bench.store.find("default", bench.accept(run_digest="same")).follows == followers[64]


def test_a_requeue_may_wait_for_a_run_that_is_under_way(bench: Any) -> None:
    leader = bench.accept(run_digest="same")
    bench.store.cancel("default", leader)
    lease, _ = led(bench, 0)
    bench.store.requeue("default", leader, new_id="job_new")
    assert bench.store.find("default", "job_new").follows == lease.job_id
    bench.store.finish(lease, DONE)
    assert bench.state("job_new") == "succeeded"


def test_those_whose_leader_an_older_release_has_ended_are_not_left_behind(bench: Any) -> None:
    lease, [first, second] = led(bench)
    key = f"frontier:t:default:job:{lease.job_id}"
    bench.client.hdel(key, "led", "run")  # what it does not know, it does not act on
    bench.store.finish(lease, DONE, tokens=TEXT)
    bench.client.zadd("frontier:watch", {f"default/{second}": 1})
    bench.store.sweep()
    assert states(bench, [lease.job_id, first, second]) == ["succeeded", "queued", "queued"]
    assert bench.store.dispatch(MODEL) == [first]
    bench.store.finish(bench.claim(first), DONE)
    assert states(bench, [first, second]) == ["succeeded", "succeeded"]


def test_a_release_that_knows_no_followers_leaves_them_alone_until_they_follow_no_more(bench: Any) -> None:
    lease, [heir, second] = led(bench)
    alone = bench.accept()
    schemas = [bench.field(job_id, "schema") for job_id in (lease.job_id, heir, second, alone)]
    assert schemas == [b"1", b"2", b"2", b"1"]
    bench.store.finish(lease, CANCELLED)
    assert [bench.field(job_id, "schema") for job_id in (heir, second)] == [b"1", b"2"]
    bench.store.cancel("default", second)
    assert bench.field(second, "schema") == b"1"


def test_an_erased_leader_takes_nothing_of_the_others_along(bench: Any, redis_client: Any) -> None:
    lease, [follower] = led(bench, 1)
    bench.store.finish(lease, DONE, tokens=TEXT)
    bench.store.erase("default", lease.job_id)
    assert JobStore(redis_client).find("default", follower).text == "upon a"
    bench.store.erase("default", follower)
    assert not [key for key in sorted(bench.keys()) if lease.job_id in key or follower in key]


def test_others_come_to_whoever_leads_on(bench: Any) -> None:
    leader, heir = bench.accept(run_digest="same"), bench.accept(run_digest="same")
    bench.store.cancel("default", leader)
    assert bench.store.find("default", bench.accept(run_digest="same")).follows == heir


def test_what_a_busy_model_puts_off_before_its_first_token_has_started_for_nobody(bench: Any) -> None:
    lease = bench.running(run_digest="same")
    follower = bench.accept(run_digest="same", start_within_seconds=0.1)
    assert bench.store.find("default", follower).started_at is not None
    bench.store.postpone(lease, seconds=60)
    assert bench.store.find("default", follower).started_at is None
    while bench.state(follower) == "queued":
        bench.client.zadd("frontier:watch", {f"default/{follower}": 1})
        bench.store.sweep()
    assert bench.store.find("default", follower).state is JobState.EXPIRED

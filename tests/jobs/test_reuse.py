"""A job whose result is known ends with its record; everything else is as for one that ran."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from redis import Redis

from api.recorded_job import recorded_job
from jobs.job import Job, JobState, Outcome, Usage
from jobs.known_result import pack_result, unpack_result
from jobs.lease import Lease
from jobs.model_load import ModelMode
from jobs.new_job import KnownResult, Reuse
from jobs.request import Candidate, TokenLogprobs
from jobs.token_run import TokenRun
from jobs.webhooks.webhook import JobWebhook
from tests.jobs.conftest import MODEL, Bench

DIGEST = "0" * 32
ENTRY = f"frontier:cache:entry:{DIGEST}"
TOKENS = TokenRun(
    ids=(5, 6),
    pieces=(" upon", " a"),
    logprobs=(
        TokenLogprobs(Candidate(" upon", -0.5)),
        TokenLogprobs(Candidate(" a", -1.0), (Candidate(" the", -2.0),)),
    ),
)
MADE = Outcome(
    state=JobState.SUCCEEDED,
    text=" upon a",
    finish_reason="length",
    usage=Usage(prompt_tokens=3, completion_tokens=2, wasted_tokens=4, engine_seconds=0.5),
    made_by="r1",
)
KNOWN = unpack_result(pack_result(MADE, TOKENS))


def known(keep_seconds: float | None = 60) -> Reuse:
    return Reuse(digest=DIGEST, keep_seconds=keep_seconds, known=KNOWN)


def find(bench: Bench, job_id: str) -> Job:
    return bench.store.find("default", job_id)


def test_a_packed_result_is_told_with_all_its_tokens_and_what_it_cost_nobody_this_time() -> None:
    assert (
        KnownResult(
            outcome=replace(MADE, usage=Usage(prompt_tokens=3, completion_tokens=2, cached_tokens=5)), tokens=TOKENS
        )
        == KNOWN
    )


def test_a_job_whose_result_is_known_succeeds_at_once_and_is_never_dispatched(bench: Bench) -> None:
    bench.join()
    accepted = bench.store.accept(bench.new(reuse=known()))

    job = find(bench, accepted.job_id)
    assert (accepted.can_start, bench.store.dispatch(MODEL), bench.watched()) == (False, [], set())
    assert (job.state, job.is_cached, job.text, job.finish_reason) == (JobState.SUCCEEDED, True, " upon a", "length")
    assert (job.attempt, job.started_at, job.emitted_tokens, job.usage) == (0, None, 2, KNOWN.outcome.usage)
    assert job.finished_at == job.created_at
    assert job.expires_at == pytest.approx(job.created_at + job.retention_seconds)


def test_what_an_accept_answers_is_enough_to_tell_its_record_without_reading_it(bench: Bench) -> None:
    asked: dict[str, Any] = {"metadata": {"a": "b"}, "start_within_seconds": 5.0, "deadline_at": 4_000_000_000.0}
    for new in (bench.new(reuse=known()), bench.new(reuse=known(keep_seconds=None), **asked)):
        accepted = bench.store.accept(new)

        usual = bench.store.settings.deadline_seconds
        assert recorded_job(new, accepted, now=0, usual_deadline_seconds=usual) == find(bench, new.id)


def test_what_it_has_used_is_counted_with_all_of_its_tokens_as_cached(bench: Bench, redis_client: Redis) -> None:
    bench.accept(reuse=known())

    [used] = [redis_client.hgetall(key) for key in redis_client.keys("frontier:t:default:usage:*")]
    assert used == {f"succeeded/operator/{MODEL}".encode(): b"1 3 2 5 0 0"}


def test_its_readers_are_told_the_same_tokens_under_the_same_numbers(bench: Bench) -> None:
    job_id = bench.accept(reuse=known())

    assert bench.store.tokens("default", job_id) == TOKENS
    followed = bench.store.follow("default", job_id)
    assert (followed.tokens, followed.has_more, followed.state) == (TOKENS, False, JobState.SUCCEEDED)


def test_vectors_are_told_as_they_were_made(bench: Bench) -> None:
    vectors = ("AACAPw==", "AAAAAA==")
    outcome = Outcome(state=JobState.SUCCEEDED, vectors=vectors, usage=Usage(prompt_tokens=3), made_by="r1")
    job_id = bench.accept(reuse=replace(known(), known=unpack_result(pack_result(outcome, TokenRun()))))

    job = find(bench, job_id)
    assert (job.vectors, job.text, job.usage) == (vectors, None, Usage(prompt_tokens=3, cached_tokens=3))


def test_its_end_is_listed_and_told_to_its_webhook_with_the_result(bench: Bench, redis_client: Redis) -> None:
    hook = JobWebhook(url="https://h/x", origin="https://h", events=("job.succeeded",), include_result=True)
    job_id = bench.accept(reuse=known(), webhook=hook)

    assert find(bench, job_id).delivery is not None
    [letter] = [redis_client.get(key) for key in redis_client.keys("frontier:t:default:letter:*")]
    assert isinstance(letter, bytes)
    assert b'"text":" upon a","finish_reason":"length"' in letter
    events: Any = redis_client.xrange("frontier:t:default:events")
    [(_, event)] = events
    assert (event[b"type"], event[b"subject"]) == (b"job.succeeded", job_id.encode())


def test_its_idempotency_key_finds_it_again(bench: Bench) -> None:
    first = bench.store.accept(bench.new(reuse=known(), idempotency_key="k", fingerprint="f"))
    again = bench.store.accept(bench.new(idempotency_key="k", fingerprint="f"))

    assert (again.job_id, again.replayed) == (first.job_id, True)


@pytest.mark.parametrize("mode", ["running", "paused", "draining"])
def test_a_full_queue_takes_it_whatever_the_mode_of_its_model(bench: Bench, mode: ModelMode) -> None:
    bench.accept()
    bench.store.set_mode(MODEL, mode)

    for takes_new in (True, False):
        made = bench.store.accept(bench.new(reuse=known()), max_waiting=1, takes_new=takes_new)
        assert bench.state(made.job_id) == "succeeded"


def test_it_leaves_no_key_when_it_is_erased(bench: Bench) -> None:
    job_id = bench.accept(reuse=known())
    bench.store.erase("default", job_id)

    left = bench.keys()
    assert [key for key in left if job_id in key] == []


def test_a_worker_is_told_how_to_share_the_result_of_a_job(bench: Bench) -> None:
    kept, named, alone = (
        bench.running(reuse=reuse) for reuse in (Reuse(digest=DIGEST, keep_seconds=60), Reuse(digest=DIGEST), None)
    )

    assert (kept.reuse, named.reuse, alone.reuse) == (
        Reuse(digest=DIGEST, keep_seconds=60),
        Reuse(digest=DIGEST),
        None,
    )
    assert bench.store.finish(kept, MADE) == "ok"
    job = find(bench, kept.job_id)
    assert (job.is_cached, job.digest, job.keep_seconds, job.made_by) == (False, DIGEST, 60, "r1")


def test_a_requeue_shares_its_result_as_the_old_job_would_have(bench: Bench) -> None:
    old = bench.accept(reuse=Reuse(digest=DIGEST, keep_seconds=60))
    bench.store.cancel("default", old)
    new = bench.store.requeue("default", old, new_id="job_new").job_id
    bench.join()
    bench.store.dispatch(MODEL)

    lease = bench.try_claim(new)
    assert isinstance(lease, Lease)
    assert lease.reuse == Reuse(digest=DIGEST, keep_seconds=60)


@pytest.mark.parametrize("keep_seconds", [60, None])
def test_to_erase_a_job_is_to_delete_what_is_kept_for_its_digest(
    bench: Bench, redis_client: Redis, keep_seconds: float | None
) -> None:
    lease = bench.running(reuse=Reuse(digest=DIGEST, keep_seconds=keep_seconds))
    bench.store.finish(lease, MADE)
    redis_client.set(ENTRY, "kept")

    assert bench.store.erase("default", lease.job_id) == DIGEST
    assert not redis_client.exists(ENTRY)


def test_a_model_is_of_the_revision_that_its_worker_has_said_last(bench: Bench) -> None:
    assert bench.store.revision(MODEL) is None
    bench.store.heartbeat("w1", model=MODEL, slots=4, instance="i1", revision="r1")
    bench.store.heartbeat("w2", model=MODEL, slots=4, instance="i2")
    assert bench.store.revision(MODEL) is None, "what it gives may be another result"
    bench.store.heartbeat("w2", model=MODEL, slots=4, instance="i2", revision="r2")
    assert bench.store.revision(MODEL) == "r2"

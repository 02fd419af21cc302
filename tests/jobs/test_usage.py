"""What each way to end counts for; that no order of moves counts twice is held by test_against_model."""

from __future__ import annotations

from datetime import date
from typing import Any, cast

import pytest
import redis

from jobs.answers import Emission
from jobs.job import AttemptError, Job, JobState, Outcome, Usage
from jobs.lease import Lease
from jobs.token_run import TokenRun
from jobs.usage import UsageReader, UsageRow, day_of
from tests.jobs.conftest import Bench

FAILED = AttemptError(code="engine_error", message="it broke")


@pytest.fixture
def usage(redis_client: redis.Redis) -> UsageReader:
    return UsageReader(redis_client)


def today(bench: Bench) -> date:
    seconds, _ = cast("Any", bench.client).time()
    return day_of(seconds)


def usage_key(bench: Bench) -> str:
    kept = bench.keys()
    [key] = [name for name in kept if ":usage:" in name]
    return key


def rows(bench: Bench, usage: UsageReader, tenant: str | None = "default") -> list[UsageRow]:
    return list(usage.rows(today(bench), today(bench), tenant=tenant))


def only_row(bench: Bench, usage: UsageReader) -> UsageRow:
    [row] = rows(bench, usage)
    assert row.used.jobs == 1
    return row


def emit(bench: Bench, lease: Lease, count: int, first: int = 0) -> None:
    ids = tuple(range(first, first + count))
    assert bench.store.emit([Emission(lease, first, ids, tuple("x" for _ in ids))])[0].verdict == "ok"


def end(bench: Bench, lease: Lease, state: JobState, tokens: int = 0, **usage: Any) -> None:
    log = TokenRun(ids=tuple(range(tokens)), pieces=("x",) * tokens)
    used = Usage(completion_tokens=tokens, wasted_tokens=lease.wasted_tokens, **usage)
    error = FAILED if state is JobState.FAILED else None
    outcome = Outcome(state=state, text=log.text, error=error, usage=used)
    assert bench.store.finish(lease, outcome, tokens=log) == "ok"


def fail_for_now(bench: Bench, lease: Lease, tokens: int, **usage: Any) -> None:
    log = TokenRun(ids=tuple(range(tokens)), pieces=("x",) * tokens)
    used = Usage(completion_tokens=tokens, wasted_tokens=lease.wasted_tokens, **usage)
    outcome = Outcome(state=JobState.FAILED, text=log.text, error=FAILED, usage=used)
    assert bench.store.finish(lease, outcome, tokens=log, retry_after_seconds=0) == "ok"


def told(bench: Bench, lease: Lease) -> Job:
    return bench.store.find(lease.tenant, lease.job_id)


@pytest.mark.parametrize("state", [state for state in JobState if state.is_final])
def test_what_a_worker_tells_at_an_end_is_counted_by_key_model_and_outcome(
    bench: Bench, usage: UsageReader, state: JobState
) -> None:
    lease = bench.running(key_id="key_1")
    end(bench, lease, state, 3, prompt_tokens=5, cached_tokens=2, engine_seconds=0.123456)

    row = only_row(bench, usage)

    assert (row.tenant, row.key_id, row.model, row.outcome) == ("default", "key_1", "m", state.value)
    expected = Usage(prompt_tokens=5, completion_tokens=3, cached_tokens=2, engine_seconds=0.123456)
    assert row.used.usage == expected == told(bench, lease).usage


def test_a_repeated_end_is_counted_once(bench: Bench, usage: UsageReader) -> None:
    lease = bench.running()
    outcome = Outcome(state=JobState.SUCCEEDED, text="x", usage=Usage(prompt_tokens=5, completion_tokens=1))

    answers = [bench.store.finish(lease, outcome) for _ in range(3)]

    assert answers == ["ok", "already", "already"]
    assert only_row(bench, usage).used.usage == outcome.usage


def test_a_job_that_never_ran_counts_as_a_job(bench: Bench, usage: UsageReader) -> None:
    bench.store.cancel("default", bench.accept())

    row = only_row(bench, usage)

    assert (row.outcome, row.used.usage) == ("cancelled", Usage())


def test_the_text_that_an_end_without_a_worker_leaves_is_completion(bench: Bench, usage: UsageReader) -> None:
    lease = bench.running()
    emit(bench, lease, 2)
    assert bench.store.release(lease)
    bench.store.cancel("default", lease.job_id)

    assert told(bench, lease).text == "xx"
    assert only_row(bench, usage).used.usage == Usage(completion_tokens=2) == told(bench, lease).usage


def test_what_a_failed_attempt_has_used_is_added_to_the_next_one_s(bench: Bench, usage: UsageReader) -> None:
    first = bench.running()
    emit(bench, first, 2)
    fail_for_now(bench, first, 5, prompt_tokens=7, engine_seconds=0.5)
    bench.store.sweep()
    bench.store.dispatch("m")
    second = bench.claim(first.job_id)

    assert (second.wasted_tokens, second.prompt_tokens, second.engine_seconds) == (3, 7, 0.5)
    end(bench, second, JobState.SUCCEEDED, 4, prompt_tokens=7, engine_seconds=0.75)

    expected = Usage(prompt_tokens=7, completion_tokens=4, wasted_tokens=3, engine_seconds=0.75)
    assert only_row(bench, usage).used.usage == expected == told(bench, second).usage


def test_a_cancel_after_a_failed_attempt_keeps_its_text_and_counts_it(bench: Bench, usage: UsageReader) -> None:
    lease = bench.running()
    emit(bench, lease, 2)
    fail_for_now(bench, lease, 5, prompt_tokens=7, engine_seconds=0.5)
    bench.store.cancel("default", lease.job_id)

    assert told(bench, lease).text == "xxxxx"
    expected = Usage(prompt_tokens=7, completion_tokens=5, engine_seconds=0.5)
    assert only_row(bench, usage).used.usage == expected == told(bench, lease).usage


def test_a_worker_that_starts_over_throws_away_what_was_emitted(bench: Bench, usage: UsageReader) -> None:
    first = bench.running()
    emit(bench, first, 2)
    assert bench.store.release(first)
    bench.store.dispatch("m")
    second = bench.claim(first.job_id, can_continue=False)
    end(bench, second, JobState.SUCCEEDED, 4)

    assert only_row(bench, usage).used.usage == Usage(completion_tokens=4, wasted_tokens=2)


def test_days_are_kept_as_long_as_the_settings_say(bench: Bench, usage: UsageReader) -> None:
    bench.store.cancel("default", bench.accept())
    key = usage_key(bench)

    left: Any = bench.client.pttl(key)

    assert 400 * 86_400_000 <= left <= 401 * 86_400_000
    assert list(usage.rows(date(2020, 1, 1), date(2020, 1, 31), tenant="default")) == []


def test_all_tenants_are_found_by_their_last_day(bench: Bench, usage: UsageReader) -> None:
    for tenant in ("acme", "beta"):
        bench.store.cancel(tenant, bench.accept(tenant=tenant))

    assert sorted(row.tenant for row in rows(bench, usage, None)) == ["acme", "beta"]


def test_usage_stays_when_the_job_is_erased(bench: Bench, usage: UsageReader) -> None:
    job_id = bench.accept()
    bench.store.cancel("default", job_id)
    bench.store.erase("default", job_id)

    assert only_row(bench, usage).outcome == "cancelled"


def test_numbers_that_a_later_release_has_added_stay(bench: Bench, usage: UsageReader) -> None:
    bench.store.cancel("default", bench.accept())
    key = usage_key(bench)
    bench.client.hset(key, "cancelled/operator/m", "1 2 3 4 5 6000000 77")
    bench.store.cancel("default", bench.accept())

    kept: Any = bench.client.hget(key, "cancelled/operator/m")
    [row] = rows(bench, usage)

    assert kept == b"2 2 3 4 5 6000000 77"
    assert (row.used.jobs, row.used.usage.engine_seconds) == (2, 6.0)

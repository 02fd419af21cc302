"""What a tenant may have: tokens in a minute and a day, jobs at a time; by a clock that the test turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from jobs.errors import QueueFull, QuotaExceeded, QuotaTooSmall
from jobs.job import AttemptError, JobState, Outcome, Usage
from jobs.settings import StoreSettings
from jobs.tenant_limits import NO_LIMITS, TenantLimits
from jobs.tenants import TenantStore
from tests.jobs.conftest import Bench
from tests.jobs.turned_clock import TurnedClock

MODEL = "m"
COST = 9
"""Of a job as `bench` makes them."""
MINUTE = 60_000
NOON = 30_000_000 * MINUTE
"""Where a minute begins."""


class Quota(Bench):
    """A bench whose clock stands at noon until it is turned."""

    def __init__(self, client: TurnedClock, settings: StoreSettings) -> None:
        super().__init__(client, settings)
        self.clock, self.now = client, NOON
        self.tenants = TenantStore(client, settings)
        client.turn_to(NOON)

    def after(self, seconds: float) -> None:
        self.now += round(seconds * 1000)
        self.clock.turn_to(self.now)

    def limit(self, **limits: Any) -> None:
        self.tenants.set_limits("default", TenantLimits(**limits))

    def refusal(self, **changes: Any) -> QuotaExceeded:
        with pytest.raises(QuotaExceeded) as refusal:
            self.accept(**changes)
        return refusal.value

    def refusal_at_last(self) -> QuotaExceeded:
        """The first one, of as many submits as it takes."""
        while True:
            try:
                self.accept()
            except QuotaExceeded as refusal:
                return refusal

    def used(self) -> dict[str, int]:
        return {one.policy: one.used for one in self.tenants.standing("default")}

    def end(self, lease: Any, state: JobState = JobState.SUCCEEDED, *, tokens: int = 0) -> None:
        usage = Usage(prompt_tokens=tokens // 2, completion_tokens=tokens - tokens // 2)
        self.store.finish(lease, Outcome(state=state, text="", usage=usage))


@pytest.fixture
def quota(redis_url: str, redis_client: Any, settings: StoreSettings) -> Iterator[Quota]:  # noqa: ARG001 - empties it
    with TurnedClock.from_url(redis_url) as client:
        yield Quota(client, settings)


@pytest.fixture
def make_quota(redis_url: str, redis_client: Any) -> Iterator[Callable[..., Quota]]:  # noqa: ARG001 - empties it
    with TurnedClock.from_url(redis_url) as client:
        yield lambda **changes: Quota(client, StoreSettings(**changes))


def test_a_job_is_charged_its_estimate_and_corrected_to_what_it_has_used(quota: Quota) -> None:
    quota.limit(tokens_per_minute=100, tokens_per_day=1000)
    lease = quota.running()
    assert quota.used() == {"tokens_per_minute": COST, "tokens_per_day": COST}
    quota.end(lease, tokens=4)
    assert quota.used() == {"tokens_per_minute": 4, "tokens_per_day": 4}


def test_a_correction_goes_to_the_bucket_of_the_submit(quota: Quota) -> None:
    quota.limit(tokens_per_minute=1000, tokens_per_day=1000)
    lease = quota.running()
    quota.after(90)
    assert quota.used() == {"tokens_per_minute": COST // 2 + 1, "tokens_per_day": COST}
    quota.end(lease, tokens=100)
    assert quota.used() == {"tokens_per_minute": 50, "tokens_per_day": 100}


def test_what_no_longer_counts_is_not_corrected(quota: Quota) -> None:
    quota.limit(tokens_per_minute=1000)
    lease = quota.running()
    quota.after(120)
    quota.accept()
    quota.client.delete(*quota.client.keys(f"*spent:tokens_per_minute:{NOON // MINUTE}"))
    quota.end(lease, tokens=100)
    assert quota.used() == {"tokens_per_minute": COST}


@pytest.mark.parametrize("how", ["cancelled", "expired", "not started in time"])
def test_a_job_that_never_ran_gives_everything_back(quota: Quota, how: str) -> None:
    quota.limit(tokens_per_day=1000, concurrent_jobs=5)
    job_id = quota.accept(
        deadline_at=NOON / 1000 + 5 if how == "expired" else None,
        start_within_seconds=5 if how == "not started in time" else None,
    )
    assert quota.used() == {"tokens_per_day": COST, "concurrent_jobs": 1}
    if how == "cancelled":
        quota.store.cancel("default", job_id)
    else:
        quota.after(5)
        quota.store.sweep()
    assert quota.used() == {"tokens_per_day": 0, "concurrent_jobs": 0}


def test_a_job_whose_worker_is_lost_for_good_keeps_its_estimate(quota: Quota) -> None:
    quota.limit(tokens_per_day=1000, concurrent_jobs=5)
    lease = quota.running()
    for _ in range(2):
        quota.store.rescue_worker(lease.worker)
        quota.join()
        [job_id] = quota.store.dispatch(MODEL)
        lease = quota.claim(job_id)
    quota.store.rescue_worker(lease.worker)
    assert quota.state(lease.job_id) == "failed"
    assert quota.used() == {"tokens_per_day": COST, "concurrent_jobs": 0}


def test_a_failed_attempt_that_is_tried_again_is_charged_once(quota: Quota) -> None:
    quota.limit(tokens_per_day=1000)
    lease = quota.running()
    failed = Outcome(state=JobState.FAILED, error=AttemptError(code="engine_error", message="it broke"))
    quota.store.finish(lease, failed, retry_after_seconds=1.0)
    assert quota.used() == {"tokens_per_day": COST}
    quota.store.cancel("default", lease.job_id)
    assert quota.used() == {"tokens_per_day": 0}


def test_a_job_that_ends_between_two_attempts_is_charged_what_the_first_has_used(quota: Quota) -> None:
    quota.limit(tokens_per_minute=100)
    lease = quota.running()
    usage = Usage(prompt_tokens=5, completion_tokens=3)
    failure = Outcome(state=JobState.FAILED, error=AttemptError(code="engine_error", message="No."), usage=usage)
    quota.store.finish(lease, failure, retry_after_seconds=5)
    told = quota.store.cancel("default", lease.job_id).usage
    assert quota.used()["tokens_per_minute"] == told.prompt_tokens + told.completion_tokens == 8


def test_a_job_of_a_release_without_budgets_drives_no_count_negative(quota: Quota) -> None:
    lease = quota.running()
    quota.limit(tokens_per_day=1000, concurrent_jobs=5)
    assert quota.used() == {"tokens_per_day": 0, "concurrent_jobs": 1}
    quota.end(lease, tokens=3)
    assert quota.used() == {"tokens_per_day": 0, "concurrent_jobs": 0}


def test_a_replay_is_charged_nothing_and_never_refused(quota: Quota) -> None:
    quota.limit(tokens_per_minute=COST, concurrent_jobs=1)
    new = quota.new(idempotency_key="k", fingerprint="a")
    quota.store.accept(new)
    again = quota.store.accept(quota.new(idempotency_key="k", fingerprint="a"))
    assert (again.job_id, again.replayed) == (new.id, True)
    assert quota.used() == {"tokens_per_minute": COST, "concurrent_jobs": 1}


def test_a_requeue_is_charged_and_refused_like_a_submit(quota: Quota) -> None:
    quota.limit(tokens_per_minute=2 * COST - 1)
    job_id = quota.accept()
    quota.store.cancel("default", job_id)
    made = quota.store.requeue("default", job_id, new_id="job_again")
    assert quota.used() == {"tokens_per_minute": COST}
    quota.store.cancel("default", made.job_id)
    quota.accept()
    with pytest.raises(QuotaExceeded):
        quota.store.requeue("default", made.job_id, new_id="job_third")
    assert quota.store.find("default", made.job_id).requeued_as is None


def test_both_budgets_are_looked_at_before_either_is_charged(quota: Quota) -> None:
    quota.limit(tokens_per_minute=1000, tokens_per_day=COST)
    quota.accept()
    assert quota.refusal().policies == ("tokens_per_day",)
    assert quota.used() == {"tokens_per_minute": COST, "tokens_per_day": COST}


@pytest.mark.parametrize("begun", [0, 1, 29.5, 59.999])
@pytest.mark.parametrize("limit", [COST, 2 * COST, 5 * COST + 3, 100])
def test_who_comes_back_after_the_time_told_is_accepted(quota: Quota, begun: float, limit: int) -> None:
    quota.limit(tokens_per_minute=limit)
    quota.after(begun)
    for _ in range(20):
        seconds = quota.refusal_at_last().retry_after_seconds or 0
        assert 0 < seconds <= 120
        quota.after(seconds - 0.001)
        quota.refusal()
        quota.after(0.001)
        quota.accept()


def test_a_job_above_the_limit_alone_fits_at_no_time(quota: Quota) -> None:
    quota.limit(tokens_per_minute=100, tokens_per_day=COST - 1)
    refusal = quota.refusal()
    assert isinstance(refusal, QuotaTooSmall)
    assert (refusal.policy, refusal.limit, refusal.cost, refusal.retry_after_seconds) == (
        "tokens_per_day",
        COST - 1,
        COST,
        None,
    )


def test_a_limit_changes_from_one_submit_to_the_next(quota: Quota) -> None:
    quota.limit(concurrent_jobs=1)
    quota.accept()
    refusal = quota.refusal()
    assert (refusal.policy, refusal.limit, refusal.used) == ("concurrent_jobs", 1, 1)
    quota.limit(concurrent_jobs=2)
    quota.accept()
    quota.refusal()
    quota.tenants.set_limits("default", NO_LIMITS)
    quota.accept()
    assert quota.tenants.standing("default") == ()


def test_what_all_tenants_have_holds_where_one_has_none_of_its_own(make_quota: Callable[..., Quota]) -> None:
    quota = make_quota(tenant_limits=TenantLimits(concurrent_jobs=1, tokens_per_day=100))
    quota.accept()
    assert quota.refusal().limit == 1
    quota.limit(concurrent_jobs=2)
    quota.accept()
    assert quota.used() == {"tokens_per_day": 2 * COST, "concurrent_jobs": 2}


def test_jobs_of_others_count_for_nothing(quota: Quota) -> None:
    quota.limit(concurrent_jobs=1, tokens_per_day=COST, waiting_jobs=2)
    for _ in range(3):
        quota.accept(tenant="other")
    quota.accept()
    assert quota.refusal().policy == "concurrent_jobs"


def test_of_many_submits_at_once_exactly_as_many_as_may_are_accepted(bench: Any) -> None:
    TenantStore(bench.client).set_limits("default", TenantLimits(concurrent_jobs=20, tokens_per_day=30 * COST))

    def submit(_: int) -> bool:
        try:
            bench.accept()
        except QuotaExceeded:
            return False
        return True

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(submit, range(200))) == 20


def test_the_jobs_that_wait_for_a_model_are_bounded_per_tenant(bench: Any) -> None:
    bench.store.accept(bench.new(), max_waiting=5, max_waiting_per_tenant=2)
    bench.store.accept(bench.new(), max_waiting=5, max_waiting_per_tenant=2)
    with pytest.raises(QueueFull) as refusal:
        bench.store.accept(bench.new(), max_waiting=5, max_waiting_per_tenant=2)
    assert (refusal.value.whose, refusal.value.limit) == ("tenant", 2)
    for _ in range(2):
        bench.store.accept(bench.new(tenant="other"), max_waiting=5, max_waiting_per_tenant=2)
    bench.store.accept(bench.new(tenant="third"), max_waiting=5, max_waiting_per_tenant=2)
    with pytest.raises(QueueFull) as refusal:
        bench.store.accept(bench.new(tenant="third"), max_waiting=5, max_waiting_per_tenant=2)
    assert (refusal.value.whose, refusal.value.limit) == ("model", 5)


def test_a_tenant_s_own_bound_counts_in_place_of_the_model_s(quota: Quota) -> None:
    quota.limit(waiting_jobs=3)
    for _ in range(3):
        quota.store.accept(quota.new(), max_waiting_per_tenant=1)
    with pytest.raises(QueueFull) as refusal:
        quota.store.accept(quota.new(), max_waiting_per_tenant=1)
    assert refusal.value.limit == 3


def test_jobs_that_wait_for_their_time_count_as_waiting(bench: Any) -> None:
    lease = bench.running()
    bench.store.postpone(lease, seconds=100)
    for bounds in ({"max_waiting": 1}, {"max_waiting_per_tenant": 1}):
        with pytest.raises(QueueFull):
            bench.store.accept(bench.new(), **bounds)
    bench.store.cancel("default", lease.job_id)
    bench.store.accept(bench.new(), max_waiting=1, max_waiting_per_tenant=1)


def test_a_tenant_of_four_times_the_weight_gets_four_times_the_tokens(bench: Any) -> None:
    TenantStore(bench.client).set_limits("heavy", TenantLimits(weight=4))
    jobs = {bench.accept(tenant=tenant): tenant for _ in range(40) for tenant in ("heavy", "light")}
    bench.join(slots=48)
    served = [jobs[job_id] for job_id in bench.store.dispatch(MODEL)][:50]
    assert served.count("heavy") == 40
    assert served.count("light") == 10


def test_tenants_with_keys_or_limits_are_listed_by_name(quota: Quota) -> None:
    quota.limit(weight=0.5)
    for name in ("beta", "alpha", "gamma"):
        quota.tenants.set_limits(name, TenantLimits(tokens_per_day=5))
    quota.client.zadd("frontier:keys", {"key_1": 1})
    quota.client.hset("frontier:key:key_1", "tenant", "delta")
    first = quota.tenants.page(limit=3)
    assert ([one.name for one in first.tenants], first.has_more) == (["alpha", "beta", "default"], True)
    rest = quota.tenants.page(after="default")
    assert ([one.name for one in rest.tenants], rest.has_more) == (["delta", "gamma"], False)
    assert first.tenants[2].limits == TenantLimits(weight=0.5)
    assert rest.tenants[1].standings[0].remaining == 5

"""Why a job waits: every reason there is, where it is true."""

from __future__ import annotations

from typing import Any

from jobs.explaining import ExplanationReader
from jobs.job import AttemptError, JobState, Outcome, Priority
from jobs.scripts import Moves
from jobs.settings import StoreSettings
from jobs.tenant_limits import TenantLimits
from jobs.tenants import TenantStore

MODEL = "m"
INTERACTIVE, STANDARD, _ = Priority


def codes(bench: Any, job_id: str) -> list[str]:
    return [reason.code for reason in bench.store.explain("default", job_id).reasons]


def reason(bench: Any, job_id: str, code: str) -> Any:
    [found] = [one for one in bench.store.explain("default", job_id).reasons if one.code == code]
    return found


def test_without_a_worker_it_waits_for_one(bench: Any) -> None:
    first, second = bench.accept(), bench.accept()
    assert codes(bench, first) == ["no-worker"]
    assert codes(bench, second) == ["no-worker", "behind-others"]


def test_a_pause_is_told(bench: Any) -> None:
    bench.join()
    job_id = bench.accept()
    bench.store.set_mode(MODEL, "paused")
    assert codes(bench, job_id) == ["model-paused"]


def test_who_is_before_it_is_told_without_names(bench: Any) -> None:
    bench.join(slots=1)
    for _ in range(3):
        bench.accept(tenant="other")
    bench.store.dispatch(MODEL)
    for tenant in ("other", "default", "other", "default", "other"):
        bench.accept(tenant=tenant)
    job_id = bench.accept()
    told = bench.store.explain("default", job_id)
    assert [one.code for one in told.reasons] == ["behind-others", "slots-busy"]
    own, others = told.reasons[0].detail["own"], told.reasons[0].detail["others"]
    assert own == {"jobs": 2, "tokens": 18}
    assert own["jobs"] + others["jobs"] == told.situation.place.position
    assert own["tokens"] + others["tokens"] == told.situation.place.tokens_ahead
    assert told.reasons[1].detail == {"slots": 1, "busy": 3}
    assert not any("other/" in one.message or "tenant" in one.message for one in told.reasons)


def test_the_next_to_go_is_told_so(bench: Any) -> None:
    bench.join()
    assert codes(bench, bench.accept()) == ["goes-next"]


def test_reserved_slots_are_told_to_those_they_keep_out(bench: Any) -> None:
    bench.store.heartbeat("w1", model=MODEL, slots=4, instance="w1#1", reserved_slots=3)
    running = bench.accept()
    assert bench.store.dispatch(MODEL) == [running]
    kept_out = bench.accept()
    assert codes(bench, kept_out) == ["reserved-slots"]
    assert codes(bench, bench.accept(priority=INTERACTIVE)) == ["goes-next"]


def test_a_dispatched_job_is_on_its_way_and_a_running_one_runs(bench: Any) -> None:
    bench.join()
    job_id = bench.accept()
    bench.store.dispatch(MODEL)
    assert codes(bench, job_id) == ["dispatched"]
    lease = bench.claim(job_id)
    assert codes(bench, job_id) == ["running"]
    assert bench.store.explain("default", job_id).situation is None
    bench.store.finish(lease, Outcome(state=JobState.SUCCEEDED, text=""))
    assert codes(bench, job_id) == ["final"]


def test_a_retry_and_a_busy_upstream_are_told_with_their_time(bench: Any) -> None:
    failed = bench.running()
    error = AttemptError(code="engine_error", message="it broke")
    bench.store.finish(failed, Outcome(state=JobState.FAILED, error=error), retry_after_seconds=60.0)
    told = reason(bench, failed.job_id, "not-before")
    assert told.detail["failures"] == 1
    assert told.detail["not_before"] == bench.store.find("default", failed.job_id).not_before
    put_off = bench.running()
    bench.store.postpone(put_off, seconds=60)
    assert "busy" in reason(bench, put_off.job_id, "not-before").message


def test_a_suspect_is_told_that_it_waits_alone(bench: Any) -> None:
    lease = bench.running()
    for _ in range(2):
        bench.store.rescue_worker("w1")
        bench.join()
        bench.store.dispatch(MODEL)
        if bench.store.find("default", lease.job_id).lost_leases < 2:
            bench.claim(lease.job_id)
    assert codes(bench, lease.job_id) == ["dispatched", "suspect-waits-alone"]


def test_what_its_tenant_weighs_is_told(bench: Any) -> None:
    job_id = bench.accept()
    TenantStore(bench.client).set_limits("default", TenantLimits(weight=4))
    assert bench.store.explain("default", job_id).situation.tenant_weight == 4


def test_of_a_job_that_has_moved_on_since_it_was_read_it_is_known_that_it_must_be_read_again(bench: Any) -> None:
    bench.join()
    as_read = bench.store.find("default", bench.accept())
    bench.store.dispatch(MODEL)
    reader = ExplanationReader(bench.client, bench.store.keys, Moves(bench.client, bench.store.keys, StoreSettings()))
    told = reader.explain(as_read)
    assert told is not None
    assert [one.code for one in told.reasons] == ["dispatched"]
    bench.claim(as_read.id)
    assert reader.explain(as_read) is None
    assert codes(bench, as_read.id) == ["running"]


def test_whose_run_it_waits_for_is_told(bench: Any) -> None:
    bench.join()
    leader, follower = bench.accept(run_digest="same"), bench.accept(run_digest="same")
    assert codes(bench, leader) == ["goes-next"]
    assert reason(bench, follower, "follows").detail == {"job_id": leader}

"""Standing endpoints, their secrets, tests of them, and having deliveries go again."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.webhooks.delivery import DeliveryStatus
from jobs.webhooks.endpoint import EndpointState
from jobs.webhooks.errors import (
    DeliveryNotFound,
    DeliveryNotReplayable,
    EndpointDisabled,
    EndpointLimit,
    EndpointNotFound,
    EventNotFound,
    TooManySecrets,
)
from jobs.webhooks.event import id_at, place_of
from tests.jobs.webhooks.conftest import TENANT, PostRoom, webhook

DAY = 86_400


def test_what_was_made_is_found_and_listed_in_order(post: PostRoom) -> None:
    made = []
    for _ in range(5):
        made.append(post.endpoint())
        post.wait(1)
    made.reverse()
    assert post.endpoints.find(TENANT, made[2].id) == made[2]
    first = post.endpoints.page(TENANT, limit=3)
    assert (first.endpoints, first.has_more) == (made[:3], True)
    rest = post.endpoints.page(TENANT, after=made[2].id, limit=3)
    assert (rest.endpoints, rest.has_more) == (made[3:], False)


def test_nobody_finds_another_tenant_s(post: PostRoom) -> None:
    endpoint = post.endpoint()
    for ask in (
        lambda: post.endpoints.find("other", endpoint.id),
        lambda: post.endpoints.update("other", endpoint.id, name="x"),
        lambda: post.endpoints.enable("other", endpoint.id),
        lambda: post.endpoints.delete("other", endpoint.id),
        lambda: post.endpoints.page("other", after=endpoint.id),
        lambda: post.secrets.rotate("other", b"x", "y", owner=endpoint.id),
        lambda: post.endpoints.test("other", endpoint.id, event_id="evt_1", event_type="x", body=b"{}"),
        lambda: post.log.replay_range("other", endpoint_id=endpoint.id),
    ):
        with pytest.raises(EndpointNotFound):
            ask()
    job_id = post.cancelled()
    with pytest.raises(DeliveryNotFound):
        post.log.find("other", post.deliveries(job_id)[0].id)
    with pytest.raises(DeliveryNotFound):
        post.log.replay("other", post.deliveries(job_id)[0].id)
    assert post.log.of_job("other", job_id) == []


def test_a_tenant_has_no_more_than_twenty(post: PostRoom) -> None:
    for _ in range(20):
        post.endpoint()
    with pytest.raises(EndpointLimit):
        post.endpoint()
    post.endpoint(tenant="other")


def test_a_change_is_for_what_waits_too(post: PostRoom) -> None:
    endpoint = post.endpoint()
    post.cancelled(webhook=None)
    changed = post.endpoints.update(TENANT, endpoint.id, url="https://b.example.org/y", event_types=["job.failed"])
    assert (changed.name, changed.event_types) == (endpoint.name, ("job.failed",))
    assert post.claim_next().url == "https://b.example.org/y"
    assert post.deliveries(post.cancelled(webhook=None)) == []


def test_deliveries_of_a_deleted_endpoint_are_cancelled_and_keep_nobody_waiting(post: PostRoom) -> None:
    deleted, other = post.endpoint(), post.endpoint()
    jobs = [post.cancelled(webhook=None) for _ in range(250)]
    under_way = [post.claim(one) for one in post.announce()]
    mine = [lease for lease in under_way if lease.endpoint_id == deleted.id]
    post.endpoints.delete(TENANT, deleted.id)
    assert post.fail(mine[0]).status is DeliveryStatus.CANCELLED
    for lease in under_way:
        if lease is not mine[0]:
            assert post.settle(lease).status is DeliveryStatus.DELIVERED
    heard: set[str] = set()
    while announced := post.announce():
        for delivery_id in announced:
            lease = post.claim(delivery_id)
            assert lease.endpoint_id == other.id
            heard.add(lease.event_id)
            post.settle(lease)
        post.wait(0.1)
    told = [one for job_id in jobs for one in post.deliveries(job_id)]
    assert {one.status for one in told if one.endpoint_id == other.id} == {DeliveryStatus.DELIVERED}
    ends = [one.ended_as for one in told if one.endpoint_id == deleted.id and one.status is DeliveryStatus.CANCELLED]
    assert set(ends) == {"endpoint_deleted"}
    assert len(ends) == 250 - 4
    with pytest.raises(DeliveryNotReplayable):
        post.log.replay(TENANT, next(one.id for one in told if one.endpoint_id == deleted.id))
    with pytest.raises(EndpointNotFound):
        post.endpoints.find(TENANT, deleted.id)


@pytest.mark.parametrize("verdict", ["delivered", "failed"])
def test_an_attempt_that_ends_after_its_endpoint_was_deleted_leaves_nothing_of_that(
    post: PostRoom, verdict: str
) -> None:
    endpoint = post.endpoint()
    post.cancelled(webhook=None)
    lease = post.claim_next()
    post.endpoints.delete(TENANT, endpoint.id)
    post.settle(lease, verdict)
    assert [key for key in post.all_keys() if endpoint.id in key] == []


def test_one_that_is_enabled_again_gets_what_it_missed_only_when_asked(post: PostRoom) -> None:
    endpoint = post.endpoint("job.cancelled")
    waiting = post.cancelled(webhook=None)
    post.wait(1)
    post.endpoints.disable(TENANT, endpoint.id)
    assert post.announce() == []
    missed = post.cancelled(webhook=None)
    post.end(webhook=None)
    with pytest.raises(EndpointDisabled):
        post.log.replay_range(TENANT, endpoint_id=endpoint.id)
    with pytest.raises(EndpointDisabled):
        post.log.replay(TENANT, post.delivery(waiting).id)
    assert post.endpoints.enable(TENANT, endpoint.id).state is EndpointState.ENABLED
    assert post.announce() == []
    assert post.log.replay_range(TENANT, endpoint_id=endpoint.id).count == 2
    for delivery_id in post.announce():
        post.settle(post.claim(delivery_id))
    for job_id in (waiting, missed):
        assert post.delivery(job_id).status is DeliveryStatus.DELIVERED
    assert post.log.replay_range(TENANT, endpoint_id=endpoint.id).count == 0


def test_a_replay_sends_the_same_event_with_the_whole_schedule_before_it(post: PostRoom) -> None:
    job_id = post.cancelled()
    first = post.claim_next()
    post.fail(first, retry_in_seconds=None)
    post.wait(10 * DAY)
    again = post.log.replay(TENANT, first.delivery_id)
    assert (again.status, again.next_attempt_at, again.ended_as) == (DeliveryStatus.PENDING, post.now, None)
    second = post.claim_next()
    assert (second.event_id, second.body, second.failures, second.number) == (first.event_id, first.body, 0, 2)
    assert post.fail(second).status is DeliveryStatus.PENDING
    assert [one.number for one in post.delivery(job_id).attempts] == [1, 2]
    assert post.log.page(TENANT, status=DeliveryStatus.FAILED).deliveries == []


def test_what_was_delivered_can_be_replayed_and_what_waits_goes_now(post: PostRoom) -> None:
    job_id = post.cancelled()
    post.settle(post.claim_next())
    assert post.log.replay(TENANT, post.delivery(job_id).id).status is DeliveryStatus.PENDING
    post.fail(post.claim_next(), retry_in_seconds=9_000)
    assert post.announce() == []
    post.log.replay(TENANT, post.delivery(job_id).id)
    assert post.claim_next().failures == 1


def test_an_erased_body_cannot_be_replayed(post: PostRoom) -> None:
    job_id = post.end(webhook=webhook(include_result=True))
    delivery_id = post.delivery(job_id).id
    post.store.erase(TENANT, job_id)
    with pytest.raises(DeliveryNotReplayable):
        post.log.replay(TENANT, delivery_id)
    assert post.log.replay_range(TENANT, after=0).count == 0


def test_all_that_failed_in_a_range_of_time_goes_again(post: PostRoom) -> None:
    endpoint = post.endpoint()
    jobs, times = [], []
    for _ in range(4):
        jobs.append(post.cancelled())
        times.append(post.now)
        for delivery_id in post.announce():
            post.fail(post.claim(delivery_id), blame="nobody", retry_in_seconds=None)
        post.wait(60)
    assert post.log.replay_range(TENANT, after=times[1], before=times[3]).count == 4
    again = {job_id for job_id in jobs for one in post.deliveries(job_id) if one.status is DeliveryStatus.PENDING}
    assert again == {jobs[1], jobs[2]}
    assert post.log.replay_range(TENANT, endpoint_id=endpoint.id, after=times[3]).count == 1


def test_a_long_range_is_replayed_in_parts(post: PostRoom) -> None:
    jobs = [post.cancelled(webhook=None) for _ in range(501)]
    post.wait(1)
    endpoint = post.endpoint()
    post.wait(1)
    assert post.log.replay_range(TENANT, endpoint_id=endpoint.id).count == 0, "it was made after them"
    part = post.log.replay_range(TENANT, endpoint_id=endpoint.id, after=0)
    assert part.count == 500
    assert part.next_cursor is not None
    rest = post.log.replay_range(TENANT, endpoint_id=endpoint.id, cursor=part.next_cursor)
    assert (rest.count, rest.next_cursor) == (1, None)
    assert all(len(post.deliveries(job_id)) == 1 for job_id in jobs)
    with pytest.raises(EventNotFound):
        post.log.replay_range(TENANT, after=0, cursor="nonsense")


def test_deliveries_are_paged_newest_first_and_filtered(post: PostRoom) -> None:
    endpoint = post.endpoint()
    jobs = []
    for _ in range(4):
        jobs.append(post.cancelled())
        post.wait(1)
    seen: list[str] = []
    before: str | None = None
    while True:
        page = post.log.page(TENANT, before=before, limit=3)
        seen += [one.id for one in page.deliveries]
        if page.next_before is None:
            break
        before = page.next_before
    assert len(seen) == len(set(seen)) == 8
    assert {one.endpoint_id for one in post.log.page(TENANT, endpoint_id=endpoint.id).deliveries} == {endpoint.id}
    assert post.log.page(TENANT, status=DeliveryStatus.DELIVERED).deliveries == []
    with pytest.raises(DeliveryNotFound):
        post.log.page(TENANT, before="dlv_unknown")


def test_dead_letters_are_paged_while_they_are_replayed(post: PostRoom) -> None:
    for _ in range(5):
        post.cancelled()
    for delivery_id in post.announce():
        post.fail(post.claim(delivery_id), retry_in_seconds=None, blame="nobody")
    first = post.log.page(TENANT, status=DeliveryStatus.FAILED, limit=2)
    for one in first.deliveries:
        post.log.replay(TENANT, one.id)
    rest = post.log.page(TENANT, status=DeliveryStatus.FAILED, before=first.next_before, limit=9)
    assert len(rest.deliveries) == 3


def test_both_secrets_sign_while_one_is_rotated(post: PostRoom) -> None:
    endpoint = post.endpoint()
    post.secrets.rotate(TENANT, b"new", "hint2", owner=endpoint.id, overlap_seconds=DAY)
    post.cancelled(webhook=None)
    lease = post.claim_next()
    assert lease.sealed_secrets == (b"new", b"sealed")
    post.fail(lease, retry_in_seconds=DAY + 1)
    post.wait(DAY + 2)
    assert post.claim_next().sealed_secrets == (b"new",)


def test_without_overlap_every_old_secret_ends_at_once(post: PostRoom) -> None:
    endpoint = post.endpoint()
    post.secrets.rotate(TENANT, b"second", "h", owner=endpoint.id, overlap_seconds=DAY)
    post.wait(1)
    told = post.secrets.rotate(TENANT, b"third", "hint3", owner=endpoint.id)
    assert (told.hint, told.live, told.created_at) == ("hint3", 1, post.now)
    assert post.endpoints.find(TENANT, endpoint.id).updated_at == post.now
    post.cancelled(webhook=None)
    assert post.claim_next().sealed_secrets == (b"third",)


def test_no_more_than_five_secrets_live(post: PostRoom) -> None:
    for number in range(5):
        post.secrets.rotate(TENANT, b"%d" % number, "h", overlap_seconds=DAY)
    with pytest.raises(TooManySecrets):
        post.secrets.rotate(TENANT, b"more", "h", overlap_seconds=DAY)
    post.wait(DAY + 1)
    assert post.secrets.rotate(TENANT, b"more", "h", overlap_seconds=DAY).live == 2


def test_a_rotation_that_is_repeated_happens_once(post: PostRoom) -> None:
    for _ in range(2):
        told = post.secrets.rotate(TENANT, b"same", "h", overlap_seconds=DAY)
    assert told.live == 1


def test_a_tenant_s_own_secret_is_made_once(post: PostRoom) -> None:
    assert post.secrets.hint(TENANT) is None
    first = post.secrets.ensure(TENANT, lambda: (b"first", "h1"))
    again = post.secrets.ensure(TENANT, lambda: (b"second", "h2"))
    assert first == again == post.secrets.hint(TENANT)
    post.cancelled()
    assert post.claim_next().sealed_secrets == (b"first",)


def try_out(post: PostRoom, endpoint_id: str, verdict: Any) -> Any:
    event_id = f"evt_{post.now}"
    delivery_id = post.endpoints.test(TENANT, endpoint_id, event_id=event_id, event_type="job.failed", body=b"{}")
    again = post.endpoints.test(TENANT, endpoint_id, event_id=event_id, event_type="job.failed", body=b"{}")
    assert again == delivery_id, "a repeat makes no second one"
    lease = post.claim_next()
    assert (lease.is_test, lease.body, lease.endpoint_id) == (True, b"{}", endpoint_id)
    post.settle(lease, verdict)
    return post.log.find(TENANT, delivery_id)


def test_a_test_is_one_attempt_that_counts_nowhere(post: PostRoom) -> None:
    endpoint = post.endpoint()
    for _ in range(12):
        assert try_out(post, endpoint.id, "failed").status is DeliveryStatus.FAILED
        post.wait(DAY)
    found = post.endpoints.find(TENANT, endpoint.id)
    assert (found.state, found.failing_since, found.waiting) == (EndpointState.ENABLED, None, 0)
    assert post.log.page(TENANT).deliveries == []
    assert post.log.page(TENANT, status=DeliveryStatus.FAILED).deliveries == []
    assert post.events.after(TENANT, None).events == []


def test_a_test_that_succeeds_enables_an_endpoint_that_had_failed(post: PostRoom) -> None:
    endpoint = post.endpoint()
    post.cancelled(webhook=None)
    post.settle(post.claim_next(), "gone")
    assert try_out(post, endpoint.id, "failed").status is DeliveryStatus.FAILED
    assert post.endpoints.find(TENANT, endpoint.id).state is EndpointState.DISABLED
    post.wait(1)
    try_out(post, endpoint.id, "delivered")
    assert post.endpoints.find(TENANT, endpoint.id).state is EndpointState.ENABLED


def test_a_test_that_succeeds_makes_up_for_failures(post: PostRoom) -> None:
    endpoint = post.endpoint()
    for _ in range(6):
        post.cancelled(webhook=None)
    for delivery_id in post.announce():
        post.fail(post.claim(delivery_id), retry_in_seconds=1)
    assert post.endpoints.find(TENANT, endpoint.id).failing_since == post.now
    assert post.announce() == []
    try_out(post, endpoint.id, "delivered")
    assert post.endpoints.find(TENANT, endpoint.id).failing_since is None
    assert len(post.announce()) == 1, "its circuit is closed"


def test_a_range_may_begin_and_end_at_any_time(post: PostRoom) -> None:
    post.cancelled()
    post.fail(post.claim_next(), retry_in_seconds=None)
    far = 253_402_300_799.0
    for after, before, count in ((None, -1.0, 0), (None, 0.0, 0), (-1e9, None, 1), (far, None, 0), (-1e9, far, 0)):
        assert post.log.replay_range(TENANT, after=after, before=before).count == count


def test_a_test_does_not_enable_what_its_owner_has_disabled(post: PostRoom) -> None:
    endpoint = post.endpoint()
    post.endpoints.disable(TENANT, endpoint.id)
    try_out(post, endpoint.id, "delivered")
    assert post.endpoints.find(TENANT, endpoint.id).state is EndpointState.DISABLED


def test_a_test_of_an_endpoint_that_is_deleted_meanwhile_ends(post: PostRoom) -> None:
    endpoint = post.endpoint()
    made = post.endpoints.test(TENANT, endpoint.id, event_id="evt_1", event_type="x", body=b"{}")
    post.endpoints.delete(TENANT, endpoint.id)
    for delivery_id in post.announce():
        post.try_claim(delivery_id)
    assert post.log.find(TENANT, made).status is DeliveryStatus.CANCELLED
    assert post.announce() == []


def test_an_endpoint_says_how_much_waits_for_it(post: PostRoom) -> None:
    endpoint = post.endpoint()
    for _ in range(8):
        post.cancelled(webhook=None)
    post.announce()
    assert post.endpoints.find(TENANT, endpoint.id).waiting == 8


def test_an_event_s_id_tells_its_place() -> None:
    made = id_at("1764000000000-12", "job_0123456789abcdefghijkl")
    assert made == "evt_019ab697e800" + "000c" + "0123456789abcdefghijkl"
    assert place_of(made) == "1764000000000-12"
    for bad in ("evt_", "job_1", "evt_019ab6b9a000000g1", "evt_019AB6B9A000000c1", made + "/x", ""):
        assert place_of(bad) is None

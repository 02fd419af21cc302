"""A receiver's name that means another address at each look: the verdict is where a connection was tried."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from resilience.egress.guard import EgressGuard, EgressRules
from tests.jobs.turned_clock import TurnedClock
from tests.jobs.webhooks.conftest import webhook
from tests.resilience.attacks import ANOTHER, NAME, PUBLIC
from tests.resilience.connects import all_connects_refused
from tests.resilience.names import Names
from tests.tasks.sender_desk import SenderDesk


@pytest.fixture
def desk(redis_url: str) -> Iterator[SenderDesk]:
    with TurnedClock.from_url(redis_url) as client:
        assert isinstance(client, TurnedClock)
        desk = SenderDesk(client)
        with desk.receiver:
            yield desk


def test_each_attempt_goes_where_the_name_was_seen_to_lead_and_nowhere_else(desk: SenderDesk) -> None:
    answers = ([PUBLIC], ["127.0.0.1"], ["169.254.169.254", PUBLIC], [ANOTHER], [PUBLIC, "10.0.0.1"], ["::1"])
    reached: list[list[str]] = [[PUBLIC], [], [], [ANOTHER], [], []]
    names = Names(*({NAME: answer} for answer in answers))
    desk.change(courier=replace(desk.sendings.courier, guard=EgressGuard(EgressRules(), names)))
    job_id = desk.post.cancelled(webhook=webhook(url=f"https://{NAME}/in", origin=f"https://{NAME}"))

    for addresses in reached:
        with all_connects_refused() as tried:
            assert desk.send() == ["pending"]
        assert tried.addresses == addresses
        assert set(tried.names) <= set(addresses), "an address may be read again, the name may not"
        desk.skip_to_next_attempt(desk.post.delivery(job_id))

    assert names.asked == [NAME] * len(answers)
    errors = [attempt.error for attempt in desk.post.delivery(job_id).attempts]
    assert errors == ["connect" if addresses else "url_not_allowed" for addresses in reached]

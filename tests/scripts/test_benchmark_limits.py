from __future__ import annotations

import redis

from resilience.rate_limit.limiter import RateLimiter
from scripts.benchmark.sections.limits import BOTH, CALLS, PING, SECTION, SETS, medians, report


def test_each_kind_is_timed_in_each_round(redis_client: redis.Redis) -> None:
    seconds = medians(redis_client, rounds=2)
    assert set(seconds) == {PING, *SETS}
    assert all(len(values) == 2 and min(values) > 0 for values in seconds.values())
    taken = RateLimiter(redis_client, prefix="benchmark:").statistics()["key"]
    assert taken.allowed == 3 * (3 * (CALLS + 1) + 1), "each but the last kind is let in, and that once"
    assert taken.refused == 3 * CALLS


def test_what_a_take_costs_is_a_ratio_within_the_round() -> None:
    told = report({PING: [1, 2, 1], **{name: [2, 8, 3] for name in SETS}})
    share = told.figures["take_over_ping"]
    assert (share.low, share.median, share.high) == (2, 3, 4)
    [goal] = SECTION.goals
    assert goal.verdict(share) == "holds, its median does not"
    assert told.tables[1].rows[0][:2] == [PING, "1,000,000"]
    assert BOTH in SETS

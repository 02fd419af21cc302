from __future__ import annotations

from random import Random

import pytest

from resilience.backoff import Backoff


@pytest.mark.parametrize(("failures", "most"), [(1, 1.0), (2, 2.0), (7, 60.0), (5_000, 60.0)])
def test_the_wait_is_anything_up_to_the_doubled_base_or_the_cap(failures: int, most: float) -> None:
    random = Random(1)
    waits = [Backoff(base_seconds=1.0, cap_seconds=60.0).delay(failures, random) for _ in range(1_000)]
    assert 0 <= min(waits) < 0.05 * most
    assert 0.95 * most < max(waits) <= most

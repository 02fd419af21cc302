from __future__ import annotations

from pathlib import Path

import pytest

from scripts.benchmark.neighbours import NEIGHBOUR, SLOTS, Street
from scripts.benchmark.scripted import MODEL
from scripts.benchmark.sections.fairness import BUSY, QUEUED, SLOTS_ALONE, report


def test_what_a_long_queue_costs_a_neighbour_is_a_ratio_within_the_round() -> None:
    told = report(
        {
            BUSY: [[0.1] * 20, [0.2] * 20, [0.1] * 20],
            QUEUED: [[0.1] * 20, [0.4] * 20, [0.3] * 20],
            SLOTS_ALONE: [[0.05] * 20, [0.1] * 20, [0.1] * 20],
        }
    )
    share = told.figures["p95_queued_over_busy"]
    assert (share.low, share.median, share.high) == pytest.approx((1, 2, 3))
    assert told.tables[0].rows[1] == [QUEUED, "300", "400", "400", "60"]
    assert [row[0] for row in told.tables[2].rows] == [f"{QUEUED}, over {BUSY}", f"{QUEUED}, over {SLOTS_ALONE}"]


def test_two_tenants_share_a_system_and_each_wait_is_measured(tmp_path: Path) -> None:
    with Street.open(tmp_path / "street") as street:
        street.queue_up(30)
        assert street.store.queue(MODEL, NEIGHBOUR).tenant_waiting > 0
        with street.kept_busy(SLOTS):
            waits = street.waits(3)
    assert len(waits) == 3
    assert all(seconds > 0 for seconds in waits)

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.benchmark.neighbours import NEIGHBOUR, SLOTS, Street, Visit
from scripts.benchmark.scripted import MODEL
from scripts.benchmark.sections.fairness import BUSY, QUEUED, SLOTS_ALONE, report


def visits(*seconds: float, found_full: bool) -> list[list[Visit]]:
    """Rounds of twenty that wait alike."""
    return [[Visit(one, found_full)] * 20 for one in seconds]


def test_what_a_long_queue_costs_a_neighbour_is_a_ratio_within_the_round() -> None:
    told = report(
        {
            BUSY: visits(0.1, 0.2, 0.1, found_full=True),
            QUEUED: visits(0.1, 0.4, 0.3, found_full=True),
            SLOTS_ALONE: visits(0.05, 0.1, 0.1, found_full=False),
        }
    )
    share = told.figures["p95_queued_over_busy"]
    assert (share.low, share.median, share.high) == pytest.approx((1, 2, 3))
    assert told.tables[0].rows[1] == [QUEUED, "300", "400", "400", "100%", "60"]
    assert told.tables[0].rows[2] == [SLOTS_ALONE, "100", "100", "100", "0%", "60"]
    assert [row[0] for row in told.tables[2].rows] == [f"{QUEUED}, over {BUSY}", f"{QUEUED}, over {SLOTS_ALONE}"]


def test_two_tenants_share_a_system_and_each_wait_is_measured(tmp_path: Path) -> None:
    with Street.open(tmp_path / "street") as street:
        street.queue_up(30)
        assert street.store.queue(MODEL, NEIGHBOUR).tenant_waiting > 0
        with street.kept_busy(SLOTS):
            met = street.visits(3)
    assert len(met) == 3
    assert all(visit.wait > 0 for visit in met)

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.benchmark.overload import LIMITED, Offered, Works
from scripts.benchmark.sections.overload import LIMIT, QUEUE, SECTION, report


def test_what_is_too_much_is_refused_and_what_was_accepted_succeeds_once(tmp_path: Path) -> None:
    with Works.open(tmp_path / "works", tokens_per_second=8) as works:
        offered = works.offer(per_second=100, seconds=1)
        jobs = works.jobs()
    assert offered.refused
    assert offered.succeeded == len(offered.accepted) == jobs > 0
    assert offered.looks


def test_a_key_that_asks_too_often_is_refused_and_what_was_accepted_succeeds_once(tmp_path: Path) -> None:
    with Works.open(
        tmp_path / "works", environment=LIMITED | {"RATE_LIMIT_WINDOW_SEC": "60", "RATE_LIMIT_RPM": "5"}
    ) as works:
        offered = works.offer(per_second=20, seconds=1)
    assert (len(offered.accepted), len(offered.refused), offered.succeeded) == (5, 15, 5)


def test_a_round_counts_with_its_p99_and_the_share_that_it_has_done() -> None:
    rounds = [
        Offered(refused=[0.01] * 99 + [slowest] * 2, accepted=[0.1] * 101, looks=[0.001], succeeded=101)
        for slowest in (0.02, 0.04, 0.2)
    ]
    told = report({QUEUE: rounds, LIMIT: rounds})
    refusals, _, ended = (told.figures[goal.figure] for goal in SECTION.goals)
    assert (refusals.low, refusals.median, refusals.high) == pytest.approx((20, 40, 200))
    assert [goal.verdict(told.figures[goal.figure]) for goal in SECTION.goals] == ["holds"] * 3
    assert ended.median == 1
    assert told.tables[2].rows[0][1] == "0.5"

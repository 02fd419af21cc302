from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.benchmark.deliveries import Heard, Post
from scripts.benchmark.receivers import arrivals, port_of
from scripts.benchmark.sections.webhooks import ALONE, BESIDE, SECTION, report


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory, server_binary: Path) -> Iterator[Post]:  # noqa: ARG001 - needs one
    with Post.open(tmp_path_factory.mktemp("webhooks") / "post") as opened:
        yield opened


def _heard(*milliseconds: float, lost: int = 0, slow: int = 0) -> Heard:
    return Heard(seconds=tuple(value / 1000 for value in milliseconds), lost=lost, slow=slow, cpu_seconds=0.5)


def test_every_end_of_a_job_is_heard_of_alone_and_beside_bad_neighbours(post: Post) -> None:
    for hear in (post.alone, post.beside, post.beside, post.alone):
        heard = hear(events=20, per_second=50)
        assert (len(heard.seconds), heard.lost) == (20, 0)
        assert heard.cpu_seconds > 0


def test_receivers_that_have_not_told_their_port_do_not_listen_yet(tmp_path: Path) -> None:
    file = tmp_path / "arrivals"
    assert port_of(file) is None
    file.write_text("80")
    assert port_of(file) is None
    file.write_text("8080\n")
    assert port_of(file) == 8080


def test_an_arrival_counts_once_its_line_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "arrivals"
    file.write_text("8080\n/slow job_a 2.5\n/healthy job_")
    assert [(one.path, one.job_id, one.seconds) for one in arrivals(file)] == [("/slow", "job_a", 2.5)]


def test_what_a_neighbour_costs_is_a_ratio_within_the_round() -> None:
    told = report(
        {
            ALONE: [_heard(10, 20), _heard(10, 100), _heard(10, 40)],
            BESIDE: [_heard(10, 60, slow=8), _heard(10, 100, lost=1), _heard(10, 80)],
        }
    )
    share = told.figures["p95_beside_over_alone"]
    assert (share.low, share.median, share.high) == pytest.approx((1, 2, 3))
    assert told.figures["lost"].median == 1
    assert [table.rows[0][0] for table in told.tables] == [ALONE, ALONE, f"{BESIDE}, over {ALONE}", ALONE]
    assert told.tables[0].rows[1] == [BESIDE, "10", "100", "100", "6", "1"]
    assert told.tables[3].rows[1][1] == "4", "what the slow one answered counts too"


def test_one_lost_event_misses_the_goal() -> None:
    figures = report({ALONE: [_heard(1), _heard(1)], BESIDE: [_heard(1, lost=1), _heard(1)]}).figures
    assert [goal.verdict(figures[goal.figure]) for goal in SECTION.goals] == ["holds", "missed"]

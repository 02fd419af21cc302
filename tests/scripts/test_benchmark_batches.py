from __future__ import annotations

from pathlib import Path

import pytest

from scripts.benchmark.batches.crowd import Crowded, Sample, Size, tenths
from scripts.benchmark.batches.ran import Ran
from scripts.benchmark.batches.upload import added_megabytes
from scripts.benchmark.sections.batches import ALONE, BATCH, SECTION, report

SIZE = Size(batches=2, lines=100, run=100, warm_up=10)


def samples(*rows: tuple[float, int]) -> list[Sample]:
    return [Sample(at=at, told=told, cpu={"runner": at / 2}) for at, told in rows]


def test_tenths_lie_between_the_samples_next_to_them() -> None:
    marks = tenths(samples((100.0, 10), (104.0, 50), (105.0, 50), (110.0, 130)), lines=100)
    assert [mark.told for mark in marks] == list(range(10, 111, 10))
    assert [mark.at for mark in marks][:5] == pytest.approx([100, 101, 102, 103, 104])
    assert marks[-1].at == pytest.approx(108.75)
    assert marks[-1].cpu["runner"] == pytest.approx(54.375)


def test_each_goal_is_judged_by_what_was_measured() -> None:
    ran = {
        ALONE: [Ran(tokens=1000, seconds=1, cpu_seconds=1)] * 3,
        BATCH: [Ran(tokens=1000, seconds=seconds, cpu_seconds=1) for seconds in (1, 1.25, 1.25)],
    }
    crowd = Crowded(
        validated_seconds=2.0,
        bytes_per_waiting_line=301,
        bytes_per_open_line=1500,
        samples=samples((0, 10), (8, 90), (12, 110)),
    )
    told = report(ran, (20.0, 30.0, 61.0), crowd, SIZE)
    figures = [told.figures[goal.figure] for goal in SECTION.goals]
    assert [one.median for one in figures] == pytest.approx([0.8, 30, 0.5, 301])
    verdicts = [goal.verdict(one) for goal, one in zip(SECTION.goals, figures, strict=True)]
    assert verdicts == ["holds, its median does not", "holds", "missed", "missed"]
    assert "200 lines were accepted and valid in 2 s, 100 a second." in told.notes


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="no high-water mark here")
@pytest.mark.usefixtures("server_binary")
def test_an_upload_is_measured_by_the_most_that_the_process_had(tmp_path: Path) -> None:
    [added] = added_megabytes(tmp_path / "upload", sent_bytes=3_000_000, times=1)
    assert -50 < added < 500

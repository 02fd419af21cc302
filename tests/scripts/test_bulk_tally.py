"""Which troubles of a bulk run count as one."""

from __future__ import annotations

from scripts.bulk_outcome import FAILED, Outcome
from scripts.bulk_tally import Tally


def failed(line: int, detail: str) -> Outcome:
    return Outcome(line=line, status=FAILED, error={"type": "t", "title": "The job failed.", "detail": detail})


def test_failures_with_different_statuses_of_http_are_different_troubles() -> None:
    tally = Tally()
    for line, status in enumerate((500, 429, 500), 1):
        tally.add(failed(line, f"the model's server failed (HTTP {status})"))

    assert [(trouble.lines, trouble.example) for trouble in tally.troubles()] == [(2, 1), (1, 2)]


def test_failures_that_differ_in_other_numbers_and_in_ids_are_one_trouble() -> None:
    tally = Tally()
    tally.add(failed(1, "job_12ab was busy (HTTP 503): again in 12 s"))
    tally.add(failed(2, "job_34cd was busy (HTTP 503): again in 3 s"))

    assert [trouble.lines for trouble in tally.troubles()] == [2]

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.benchmark import __main__ as command_line
from scripts.benchmark import host, record
from scripts.benchmark.estimate import Estimate, estimate
from scripts.benchmark.page import BEGIN, END, NoMarkers, with_measurements
from scripts.benchmark.pairs import alternate
from scripts.benchmark.record import Occasion, SectionRecord
from scripts.benchmark.registry import SECTIONS
from scripts.benchmark.runner import Failure
from scripts.benchmark.section import Goal, Report, Section, Table
from scripts.benchmark.settings import Settings


def _interval(low: float, high: float) -> Estimate:
    return Estimate(median=(low + high) / 2, low=low, high=high, level=0.9, count=9)


def _record(name: str = "pace", *, median: float = 2.0, measured_at: str = "2026-01-01") -> SectionRecord:
    section = Section(
        name=name,
        title=f"The {name}",
        method="With a watch.",
        run=lambda _: Report(tables=[]),
        goals=[Goal(figure="speed", text=f"{name} | speed", at_least=4)],
    )
    report = Report(
        tables=[Table(title="Speeds", columns=["what", "m/s"], rows=[["snail", "0.001"]])],
        figures={"speed": estimate([median - 0.5, median, median + 0.5])},
        notes=["It was raining."],
        raw={"values": [1, 2, 3]},
    )
    occasion = Occasion(
        machine=host.describe(), measured_at=measured_at, seconds=1.5, load=(0.1, 0.2), seed=0, is_quick=False
    )
    return SectionRecord.of(section, report, occasion)


def test_every_contestant_runs_once_a_round_in_turned_order() -> None:
    calls: list[tuple[str, int]] = []

    def contestant(name: str) -> Callable[[int], int]:
        def run(number: int) -> int:
            calls.append((name, number))
            return number

        return run

    results = alternate({name: contestant(name) for name in "abc"}, rounds=3)
    assert "".join(name for name, _ in calls) == "abccbaabc"
    assert results == {"a": [0, 1, 2], "b": [0, 1, 2], "c": [0, 1, 2]}


@pytest.mark.parametrize(("low", "high", "holds"), [(4, 5, True), (3, 4.5, True), (3, 3.9, False)])
def test_a_lower_bound_is_missed_where_the_whole_interval_is_below_it(low: float, high: float, *, holds: bool) -> None:
    assert Goal(figure="x", text="x", at_least=4).holds(_interval(low, high)) is holds


@pytest.mark.parametrize(("low", "high", "holds"), [(3, 4, True), (3.9, 5, True), (4.1, 5, False)])
def test_an_upper_bound_is_missed_where_the_whole_interval_is_above_it(low: float, high: float, *, holds: bool) -> None:
    assert Goal(figure="x", text="x", at_most=4).holds(_interval(low, high)) is holds


def test_a_goal_that_only_its_interval_keeps_is_told_apart() -> None:
    goal = Goal(figure="x", text="x", at_least=4)
    low, high = _interval(3, 4.5), _interval(3.9, 5)
    assert [goal.verdict(figure) for figure in (low, high)] == ["holds, its median does not", "holds"]
    assert goal.verdict(_interval(3, 3.9)) == "missed"


def test_a_record_survives_its_file(tmp_path: Path) -> None:
    file = tmp_path / "records.json"
    assert record.load(file) == []
    file.write_text(record.dumps([_record("a"), _record("b")]))
    again = record.load(file)
    assert [one.name for one in again] == ["a", "b"]
    assert record.dumps(again) == file.read_text()


def test_a_new_record_takes_the_place_of_the_old_one() -> None:
    old = [_record("a", measured_at="old"), _record("b", measured_at="old"), _record("gone")]
    merged = record.merge(old, [_record("a", measured_at="new")], order=["b", "a", "c"])
    assert [(one.name, one.occasion.measured_at) for one in merged] == [("b", "old"), ("a", "new")]


def test_the_page_keeps_what_is_typed_and_shows_what_is_measured() -> None:
    page = with_measurements(f"# Title\n\n{BEGIN}\nold\n{END}\n\n## Typed\n", [_record()])
    assert page.startswith("# Title\n")
    assert page.endswith(f"{END}\n\n## Typed\n")
    assert "old" not in page
    assert "| pace \\| speed | ≥ 4 | 2 | 1.5 to 2.5 | 75% | 3 | missed |" in page
    assert "Missed: pace | speed." in page
    assert "| snail | 0.001 |" in page
    assert "It was raining." in page
    assert with_measurements(page, [_record()]) == page


def test_the_page_says_when_nothing_is_missed() -> None:
    assert "None is missed." in with_measurements(f"{BEGIN}\n{END}", [_record(median=5.0)])


def test_a_goal_that_was_not_measured_is_left_out() -> None:
    unmeasured = replace(_record(), report=Report(tables=[]))
    page = with_measurements(f"{BEGIN}\n{END}", [unmeasured, _record("other")])
    assert "pace | speed" not in page
    assert "Missed: other | speed." in page


def test_a_section_that_fails_is_told_and_the_others_are_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outcomes = [Failure("first", RuntimeError("no memory")), _record("second")]
    monkeypatch.setattr(command_line, "run_sections", lambda *_, **__: iter(outcomes))
    page, records = tmp_path / "page.md", tmp_path / "records.json"
    page.write_text(f"{BEGIN}\n{END}")
    monkeypatch.setattr(command_line, "PAGE", page)
    monkeypatch.setattr(command_line, "RECORDS", records)
    monkeypatch.setattr(command_line, "_names", lambda: ["first", "second"])
    assert command_line.main(["--write"]) == 1
    assert "first could not be measured" in capsys.readouterr().err
    assert "## The second" in page.read_text()
    assert [one.name for one in record.load(records)] == ["second"]


def test_a_page_that_cannot_be_written_to_is_found_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(command_line, "PAGE", tmp_path / "none.md")
    with pytest.raises(SystemExit):
        command_line.main(["--write"])
    assert "none.md" in capsys.readouterr().err


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
def test_the_records_are_of_the_sections_as_they_are(section: Section) -> None:
    """A change of what is measured, or how, needs a new measurement: `--only SECTION --write`."""
    kept = {one.name: one for one in record.load(command_line.RECORDS)}.get(section.name)
    assert kept is not None
    assert (kept.method, kept.goals) == (section.method, tuple(section.goals))
    assert len(kept.judged) == len(kept.goals)


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(NoMarkers, match="measured: end"):
        with_measurements(f"{BEGIN}\n", [])


def test_the_page_of_this_checkout_shows_its_records() -> None:
    page = command_line.PAGE.read_text(encoding="utf-8")
    assert with_measurements(page, record.load(command_line.RECORDS)) == page


def test_names_of_sections_are_unique() -> None:
    assert len({section.name for section in SECTIONS}) == len(SECTIONS)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
def test_a_goal_has_one_bound(section: Section) -> None:
    assert all((goal.at_least is None) != (goal.at_most is None) for goal in section.goals)


def test_a_quick_run_is_not_for_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command_line.main(["--quick", "--write"])
    assert "--write needs the full run" in capsys.readouterr().err


def test_settings_pick_by_how_much_time_there_is(tmp_path: Path) -> None:
    quick = Settings(is_quick=True, seed=0, folder=tmp_path)
    full = Settings(is_quick=False, seed=0, folder=tmp_path)
    assert (quick.pick(quick=1, full=9), full.pick(quick=1, full=9)) == (1, 9)

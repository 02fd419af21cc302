"""`frontier logs`, and what a person at `frontier up` is told of them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text
from typer.testing import CliRunner

from scripts.cli import app
from scripts.log_files import LogFiles
from scripts.log_teller import MOST_PER_LOOK, LogTeller


class Folder:
    """A data folder with logs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.logs = path / "logs"
        self.logs.mkdir()

    def write(self, program: str, *lines: Any) -> None:
        with (self.logs / f"{program}.log").open("a") as stream:
            stream.writelines(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)

    def show(self, *options: str) -> list[str]:
        ran = CliRunner().invoke(app, ["logs", "--data-dir", str(self.path), *options])
        assert ran.exit_code == 0, ran.output
        return ran.stdout.splitlines()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    """Seen where it is two hours later than in UTC."""
    monkeypatch.setenv("TZ", "XXX-2")
    time.tzset()
    yield Folder(tmp_path)
    monkeypatch.undo()
    time.tzset()


def entry(second: int, event: str, level: str = "INFO", **facts: Any) -> dict[str, Any]:
    return {
        "time": f"2026-11-24T10:00:{second:02}.000Z",
        "level": level,
        "logger": "frontier.x",
        "event": event,
        **facts,
    }


def test_the_logs_of_all_programs_are_shown_together_in_the_order_of_time(folder: Folder) -> None:
    folder.write("api", entry(1, "job_accepted", job_id="job_1"), entry(3, "request", status=202, route="/v1/jobs"))
    folder.write("echo-1", entry(2, "attempt_finished", job_id="job_1", error=None), "Killed")
    folder.write("redis", "1:M a line of another form")

    assert folder.show() == [
        "12:00:01.000 api    INFO  job_accepted         job_id=job_1",
        "12:00:02.000 echo-1 INFO  attempt_finished     job_id=job_1",
        "             echo-1 Killed",
        "12:00:03.000 api    INFO  request              status=202 route=/v1/jobs",
    ]
    assert folder.show("redis") == ["             redis 1:M a line of another form"]


def test_levels_ids_and_numbers_of_lines_choose(folder: Folder) -> None:
    folder.write("api", entry(1, "quiet", "DEBUG"), entry(2, "loud", "ERROR", job_id="job_2"), entry(3, "last"))

    assert [line.split()[3] for line in folder.show()] == ["loud", "last"]
    assert [line.split()[3] for line in folder.show("--level", "debug")] == ["quiet", "loud", "last"]
    assert [line.split()[3] for line in folder.show("--level", "error")] == ["loud"]
    assert [line.split()[3] for line in folder.show("--about", "job_2")] == ["loud"]
    assert [line.split()[3] for line in folder.show("-n", "1")] == ["last"]
    assert folder.show("-n", "0") == []


def test_a_traceback_stands_below_its_line_and_nothing_steers_the_terminal(folder: Folder) -> None:
    folder.write("api", entry(1, "failed", "ERROR", reason="\x1b[2J gone", exc_info="Traceback, without messages:\nX"))

    [first, *below] = folder.show()
    assert "\x1b" not in first
    assert [line.strip() for line in below] == ["Traceback, without messages:", "X"]


def test_what_is_not_there_is_said(folder: Folder) -> None:
    nothing = CliRunner().invoke(app, ["logs", "--data-dir", str(folder.path)])
    assert (nothing.exit_code, "frontier up" in nothing.stderr) == (1, True)
    folder.write("api", entry(1, "one"))
    other = CliRunner().invoke(app, ["logs", "hal", "--data-dir", str(folder.path)])
    assert (other.exit_code, "there is api" in other.stderr) == (1, True)


def test_lines_are_read_once_and_whole_also_when_a_file_is_cut_or_new(folder: Folder) -> None:
    folder.write("api", entry(1, "before"))
    files = LogFiles(folder.logs)
    files.skip()
    path = folder.logs / "api.log"
    with path.open("a") as stream:
        stream.write(json.dumps(entry(2, "half"))[:20])
        stream.flush()
        assert files.read() == []
        stream.write(json.dumps(entry(2, "half"))[20:] + "\n")
    assert [line.entry and line.entry["event"] for line in files.read()] == ["half"]
    folder.write("webhooks", entry(3, "new"))
    assert [line.entry and line.entry["event"] for line in files.read()] == ["new"]
    path.write_text(json.dumps(entry(4, "cut")) + "\n")
    assert [line.entry and line.entry["event"] for line in files.read()] == ["cut"]
    assert files.read() == []


def test_who_watches_is_told_what_is_worth_it_and_no_more_than_can_be_read(folder: Folder) -> None:
    said: list[Text] = []
    teller = LogTeller(folder.logs, say=said.append)
    routine = [entry(1, event) for event in ("request", "job_accepted", "message_skipped")]
    folder.write("api", *routine, entry(1, "request", "WARNING"), {**entry(1, "Booting"), "logger": "gunicorn.error"})
    folder.write("echo-1", entry(2, "attempt_finished", job_id="job_1"), "raw")
    teller.look()
    assert [text.plain.split()[3] for text in said] == ["request", "attempt_finished"]

    said.clear()
    folder.write("echo-1", *[entry(3, "attempt_finished")] * (MOST_PER_LOOK + 5))
    teller.look()
    assert len(said) == MOST_PER_LOOK + 1
    assert "5 more lines" in said[-1].plain

"""`frontier bulk --batch` against the whole system: killed, gone on with, cancelled, and retried."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.up_process import DEADLINE_SECONDS, UpProcess, echo_up
from tests.system.worker_process import wait_for

LINES = 60
CONFIG = """
models:
  echo:
    engine: scripted
    slots: 4
    script:
      tokens_per_second: 20
"""


class Bulk:
    """The same command, as often as it takes."""

    def __init__(self, folder: Path, up: UpProcess) -> None:
        self.target = folder / "out.csv"
        self.source = folder / "in.jsonl"
        lines = [json.dumps({"n": number}) for number in range(1, LINES + 1)]
        self.source.write_text("\n".join([*lines, '{"m": 61}']) + "\n")
        options = ["--batch", "--template", "line {n}", "-o", str(self.target), "--max-tokens", "5"]
        self._command = [sys.executable, "-m", "scripts.cli", "bulk", str(self.source), *options]
        self._env = {name: value for name, value in os.environ.items() if not name.startswith(("FRONTIER_", "TRUTH"))}
        self._env |= {"FRONTIER_DATA_DIR": str(up.data_dir)}

    def start(self, *more: str) -> subprocess.Popen[str]:
        command = [*self._command, *more]
        return subprocess.Popen(command, env=self._env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *more: str, code: int) -> str:
        """What it says on stderr and, with --dry-run, on stdout."""
        with self.start(*more) as process:
            told, said = process.communicate(timeout=DEADLINE_SECONDS * 3)
        assert process.returncode == code, told + said
        return told + said

    def rows(self) -> list[dict[str, str]]:
        if not self.target.exists():
            return []
        with self.target.open(newline="") as file:
            return list(csv.DictReader(file))


@pytest.fixture
def up(tmp_path: Path, server_binary: Path) -> Iterator[UpProcess]:  # noqa: ARG001 - skips where there is none
    with echo_up(tmp_path, CONFIG) as up:
        yield up


def test_a_killed_run_finds_its_batch_again_and_each_line_stands_once(up: UpProcess, tmp_path: Path) -> None:
    bulk = Bulk(tmp_path, up)
    told = bulk.run("--dry-run", code=3)
    with bulk.start() as killed:
        wait_for(lambda: len(bulk.rows()) > 5, DEADLINE_SECONDS)
        killed.kill()

    said = bulk.run(code=3)

    assert "60 to do, 1 bad" in told
    assert "lines were done before" in said
    assert "lines/s" not in said, "nothing was run for it"
    (batch,) = up.client.batches.listed(None)
    assert (batch.status, batch.total, batch.failed) == ("completed", LINES, 0)
    results = {row["line"]: row for row in bulk.rows()}
    assert len(bulk.rows()) == len(results) == LINES + 1
    assert results["7"]["text"].startswith(" line 7")
    assert results["7"]["completion_tokens"] == "5"
    assert results["61"]["error"].endswith("the field 'n' is missing")


@pytest.mark.long
def test_lines_of_a_cancelled_batch_are_done_again_in_another_when_asked_for(up: UpProcess, tmp_path: Path) -> None:
    bulk = Bulk(tmp_path, up)
    up.client.change_mode("echo", "pause")
    with bulk.start() as process:
        wait_for(lambda: [one.total for one in up.client.batches.listed(None)] == [LINES], DEADLINE_SECONDS)
        (batch,) = up.client.batches.listed(None)
        up.client.batches.cancel(batch.id)
        _, said = process.communicate(timeout=DEADLINE_SECONDS)
    cancelled = [row["status"] for row in bulk.rows()]
    up.client.change_mode("echo", "resume")

    bulk.run("--retry-failed", code=3)

    assert process.returncode == 3, said
    assert sorted(cancelled) == ["cancelled"] * LINES + ["refused"]
    assert sorted(row["status"] for row in bulk.rows()) == ["refused"] + ["succeeded"] * LINES
    assert len(list(up.client.batches.listed(None))) == 2


def test_lines_of_a_batch_that_is_cancelled_unread_are_told_as_not_done_and_done_by_the_same_command(
    up: UpProcess, tmp_path: Path
) -> None:
    bulk = Bulk(tmp_path, up)
    os.kill(up.child("batches"), signal.SIGSTOP)
    with bulk.start() as process:
        wait_for(lambda: bool(list(up.client.batches.listed(None))), DEADLINE_SECONDS)
        (batch,) = up.client.batches.listed(None)
        up.client.batches.cancel(batch.id)
        os.kill(up.child("batches"), signal.SIGCONT)
        _, said = process.communicate(timeout=DEADLINE_SECONDS)

    bulk.run(code=3)

    assert process.returncode == 1, said
    assert "cancelled before its lines were read" in " ".join(said.split())
    assert sorted(row["status"] for row in bulk.rows()) == ["refused"] + ["succeeded"] * LINES


def test_lines_that_the_server_refuses_are_told_and_the_others_run(tmp_path: Path, server_binary: Path) -> None:  # noqa: ARG001 - skips where there is none
    with echo_up(tmp_path, CONFIG, env={"BATCH_MAX_LINE_BYTES": "2048"}) as up:
        bulk = Bulk(tmp_path, up)
        with bulk.source.open("a") as file:
            file.writelines(json.dumps({"n": text}) + "\n" for text in ("x" * 3000, "last", "x" * 1_000_000))

        bulk.run("--batch-lines", "40", code=3)

        refused = {row["line"]: row["error"] for row in bulk.rows() if row["status"] == "refused"}
        assert sorted(refused) == ["61", "62", "64"]
        assert "2048 are accepted in one line" in refused["62"]
        assert "the model accepts" in refused["64"]
        assert {row["line"] for row in bulk.rows() if row["status"] == "succeeded"} == {
            *map(str, range(1, LINES + 1)),
            "63",
        }
        assert [(one.status, one.total) for one in up.client.batches.listed(None)] == [
            ("completed", LINES + 1 - 40),
            ("failed", 0),
            ("completed", 40),
        ]

"""`frontier batches` against the whole system."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.up_process import DEADLINE_SECONDS, UpProcess, echo_up
from tests.system.worker_process import wait_for

LINES = 40
CONFIG = """
models:
  echo:
    engine: scripted
    slots: 8
"""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, server_binary: Path) -> Iterator[UpProcess]:  # noqa: ARG001 - skips where there is none
    """All the tests' own."""
    with echo_up(tmp_path_factory.mktemp("up"), CONFIG) as up:
        yield up


def frontier(up: UpProcess, folder: Path, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("FRONTIER_", "TRUTH"))}
    done = subprocess.run(
        [sys.executable, "-m", "scripts.cli", *words],
        env=env | {"FRONTIER_DATA_DIR": str(up.data_dir)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS * 3,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def line(number: int, **body: Any) -> str:
    asked = {"model": "echo", "prompt": f"prompt {number}", "max_tokens": 4, **body}
    return json.dumps({"custom_id": f"line {number}", "method": "POST", "url": "/v1/completions", "body": asked}) + "\n"


def batch_of(up: UpProcess, folder: Path, *lines: str) -> str:
    source = folder / 'my "lines".jsonl'
    source.write_text("".join(lines))
    calls = up.client.batches
    made = calls.make(
        calls.upload(source, name=str(source)),
        endpoint="/v1/completions",
        window="24h",
        metadata={"order": "42"},
        idempotency_key=uuid.uuid4().hex,
    )
    return made.id


def custom_ids(file: Path) -> list[str]:
    return sorted(json.loads(one)["custom_id"] for one in file.read_text().splitlines())


def test_a_batch_is_followed_listed_fetched_cancelled_and_its_failed_lines_are_done_again(
    up: UpProcess, tmp_path: Path
) -> None:
    everyone = sorted(f"line {number}" for number in range(LINES))
    up.client.change_mode("echo", "pause")
    batch_id = batch_of(up, tmp_path, *map(line, range(LINES)))
    wait_for(lambda: up.client.batches.find(batch_id).waiting_for != "", DEADLINE_SECONDS)

    waiting = frontier(up, tmp_path, "batches", "show", batch_id).stdout
    cancelled = frontier(up, tmp_path, "batches", "cancel", batch_id)
    told = frontier(up, tmp_path, "batches", "show", batch_id, "--follow", code=3).stdout
    fetched = frontier(up, tmp_path, "batches", "download", batch_id, "--errors").stderr
    new_id = frontier(up, tmp_path, "batches", "retry-failed", batch_id).stdout.strip()
    repeated = frontier(up, tmp_path, "batches", "retry-failed", batch_id).stdout.strip()
    up.client.change_mode("echo", "resume")
    ended = json.loads(frontier(up, tmp_path, "batches", "show", new_id, "--follow", "--json").stdout)
    frontier(up, tmp_path, "batches", "download", new_id, "-o", "all.jsonl", "--follow")
    piped = frontier(up, tmp_path, "batches", "download", new_id, "-o", "-").stdout
    listed = frontier(up, tmp_path, "batches", "list", "--json").stdout
    nothing = frontier(up, tmp_path, "batches", "retry-failed", new_id, code=1).stderr

    assert "in_progress, waiting: echo is paused" in waiting
    assert cancelled.stdout in {f"{batch_id} is cancelling\n", f"{batch_id} is cancelled\n"}
    assert f"{LINES}: 0 completed, {LINES} failed" in told
    assert "metadata order" in told
    assert fetched == f"{LINES} lines in {batch_id}.errors.jsonl\n"
    assert custom_ids(tmp_path / f"{batch_id}.errors.jsonl") == everyone
    assert repeated == new_id
    assert ended["status"] == "completed"
    assert ended["metadata"] == {"order": "42", "retry_of": batch_id}
    assert custom_ids(tmp_path / "all.jsonl") == everyone
    assert piped == (tmp_path / "all.jsonl").read_text()
    assert [json.loads(one)["id"] for one in listed.splitlines()][:2] == [new_id, batch_id]
    assert "every line of" in nothing


def test_what_is_wrong_with_an_input_is_told_by_line_and_field(up: UpProcess, tmp_path: Path) -> None:
    batch_id = batch_of(up, tmp_path, line(1), line(2, max_tokens=0))

    told = frontier(up, tmp_path, "batches", "show", batch_id, "--follow", code=3).stdout
    listed = frontier(up, tmp_path, "batches", "list").stdout
    refused = frontier(up, tmp_path, "batches", "retry-failed", batch_id, code=1).stderr

    assert [row.split()[:2] for row in told.splitlines() if "max_tokens" in row] == [["2", "body.max_tokens"]]
    assert listed.splitlines()[1].split()[:2] == [batch_id, "failed"]
    assert "was refused as a whole" in refused

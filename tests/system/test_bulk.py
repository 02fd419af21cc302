"""`frontier bulk` against the whole system: interrupted, killed, and gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.up_process import DEADLINE_SECONDS, UpProcess, echo_up
from tests.system.worker_process import wait_for

LINES = 60
CONFIG = """
models:
  echo:
    engine: scripted
    script:
      tokens_per_second: 20
"""


class Bulk:
    """The same command, as often as it takes."""

    def __init__(self, folder: Path, up: UpProcess) -> None:
        self.target = folder / "out.jsonl"
        source = folder / "in.jsonl"
        source.write_text("".join(json.dumps({"prompt": f"line {n}"}) + "\n" for n in range(1, LINES + 1)))
        options = ["-o", str(self.target), "--in-flight", "4", "--max-tokens", "5"]
        self._command = [sys.executable, "-m", "scripts.cli", "bulk", str(source), *options]
        self._env = {name: value for name, value in os.environ.items() if not name.startswith(("FRONTIER_", "TRUTH"))}
        self._env |= {"FRONTIER_DATA_DIR": str(up.data_dir)}

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(self._command, env=self._env, stderr=subprocess.PIPE, text=True)

    def results(self) -> list[dict[str, Any]]:
        """The whole lines of the output."""
        if not self.target.exists():
            return []
        return [json.loads(raw) for raw in self.target.read_bytes().splitlines(keepends=True) if raw.endswith(b"\n")]

    def wait_for_results(self, count: int) -> None:
        wait_for(lambda: len(self.results()) >= count, DEADLINE_SECONDS)

    def run_id(self) -> str:
        return str(json.loads(self.target.with_name("out.jsonl.run").read_text())["run_id"])


@pytest.fixture
def up(tmp_path: Path, server_binary: Path) -> Iterator[UpProcess]:  # noqa: ARG001 - skips where there is none
    with echo_up(tmp_path, CONFIG) as up:
        yield up


def test_a_run_interrupted_once_and_killed_once_does_each_line_once(up: UpProcess, tmp_path: Path) -> None:
    bulk, client = Bulk(tmp_path, up), up.client

    with bulk.start() as interrupted:
        bulk.wait_for_results(10)
        client.change_mode("echo", "pause")
        interrupted.send_signal(signal.SIGINT)
        assert interrupted.wait(DEADLINE_SECONDS) == 130
    client.change_mode("echo", "resume")
    after_interrupt = len(bulk.results())

    with bulk.start() as killed:
        bulk.wait_for_results(after_interrupt + 10)
        client.change_mode("echo", "pause")
        killed.kill()
    client.change_mode("echo", "resume")
    with bulk.start() as last:
        _, said = last.communicate(timeout=DEADLINE_SECONDS)

    assert last.returncode == 0, said
    assert "lines were done before" in said
    results = bulk.results()
    assert sorted(result["line"] for result in results) == list(range(1, LINES + 1))
    jobs = list(client.jobs(limit=None, metadata={"bulk_run": bulk.run_id()}))
    succeeded = {job.id: job.member("metadata")["line"] for job in jobs if job.succeeded}
    assert Counter(succeeded.values()) == {str(line): 1 for line in range(1, LINES + 1)}
    assert {result["id"] for result in results} == succeeded.keys()
    assert {str(job.state) for job in jobs} <= {"succeeded", "cancelled"}
    assert len(jobs) - LINES <= 4

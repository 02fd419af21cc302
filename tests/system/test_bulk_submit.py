"""scripts/bulk_submit.py, which users copy, against the whole system."""

from __future__ import annotations

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import paths
from tests.system.up_process import DEADLINE_SECONDS, UpProcess, echo_up
from tests.system.worker_process import wait_for

FILE = Path(__file__).resolve().parents[2] / "scripts" / "bulk_submit.py"
PROMPTS = ["to be", "or not", "", "to be", "that is", "the question"]
CONFIG = """
models:
  echo:
    engine: scripted
"""
FEW_AT_A_TIME = {"RATE_LIMIT_RPM": "60", "RATE_LIMIT_WINDOW_SEC": "2"}


@pytest.fixture
def up(tmp_path: Path, server_binary: Path) -> Iterator[UpProcess]:  # noqa: ARG001 - skips where there is none
    with echo_up(tmp_path, CONFIG, env=FEW_AT_A_TIME) as up:
        yield up


def test_it_needs_requests_and_nothing_of_ours_and_is_short() -> None:
    source = FILE.read_text(encoding="utf-8")
    found = list(ast.walk(ast.parse(source)))
    imported = {name.name for node in found if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in found if isinstance(node, ast.ImportFrom)}

    assert {name.split(".")[0] for name in imported} - sys.stdlib_module_names == {"requests"}
    assert len(source.splitlines()) <= 40


def test_a_copy_of_it_brings_each_line_home_over_limits_and_a_killed_api_and_finds_its_jobs_again(
    up: UpProcess, tmp_path: Path
) -> None:
    program, prompts = shutil.copy(FILE, tmp_path / "mine.py"), tmp_path / "prompts.txt"
    prompts.write_text("\n".join(PROMPTS) + "\n")
    token = paths.read_token(up.data_dir)
    assert token is not None
    env = {
        "PATH": os.environ["PATH"],
        "FRONTIER_URL": f"http://127.0.0.1:{up.port}",
        "TRUTHGPT_API_TOKEN": token,
    }
    command = [sys.executable, str(program), str(prompts)]

    with subprocess.Popen(command, env=env, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        wait_for(lambda: len(list(up.client.jobs(limit=None, metadata={}))) >= 2, DEADLINE_SECONDS)
        os.kill(up.child("api"), signal.SIGKILL)
        first, _ = process.communicate(timeout=DEADLINE_SECONDS)
    again = subprocess.run(
        command, env=env, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=DEADLINE_SECONDS
    )

    results = [json.loads(line) for line in first.splitlines()]
    assert [result["line"] for result in results] == [1, 2, 3, 4, 5, 6]
    assert [result["status"] for result in results] == ["succeeded"] * 2 + ["refused"] + ["succeeded"] * 3
    assert results[0]["result"]["text"] == results[3]["result"]["text"]
    assert "prompt" in results[2]["error"]["detail"]
    assert [json.loads(line)["id"] for line in again.stdout.splitlines()] == [result["id"] for result in results]
    assert len(list(up.client.jobs(limit=None, metadata={}))) == 5

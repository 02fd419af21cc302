"""The command as a whole."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from typer.testing import CliRunner

from scripts.cli import app


def test_help_lists_every_command() -> None:
    result = CliRunner().invoke(app, ["--help"])
    for command in ("up", "serve", "infer", "submit", "bulk", "jobs", "health", "doctor", "version"):
        assert f" {command} " in result.output


def test_version_tells_ours_and_those_we_stand_on() -> None:
    result = CliRunner().invoke(app, ["version"])
    lines = dict(line.split(maxsplit=1) for line in result.output.splitlines())
    assert lines["frontier"] == version("frontier")
    assert {"python", "celery", "redis", "torch", "server"} <= set(lines)


def test_the_command_starts_without_what_only_workers_need() -> None:
    code = "import sys, scripts.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"celery", "flask", "redis", "torch", "transformers"}.isdisjoint(loaded)


def test_workers_and_models_are_not_asked_for_where_none_shall_run() -> None:
    result = CliRunner().invoke(app, ["up", "--no-worker", "--hello", "Is anybody there?"])
    assert result.exit_code == 2
    assert "need a worker" in result.output


def test_an_api_without_a_token_is_refused_with_the_ways_to_get_one(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["serve", "--data-dir", str(tmp_path)], env={"TRUTHGPT_API_TOKEN": None})
    assert result.exit_code == 1
    assert "set TRUTHGPT_API_TOKEN, or run `frontier up` once" in result.output

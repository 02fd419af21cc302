"""The command as a whole."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobs.webhooks.sealing import new_key
from scripts import paths
from scripts.cli import app
from scripts.ports import free_port


def test_help_lists_every_command() -> None:
    result = CliRunner().invoke(app, ["--help"])
    for command in ("up", "serve", "infer", "submit", "bulk", "jobs", "models", "health", "doctor", "version"):
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


@pytest.mark.parametrize("given", [None, new_key()], ids=["of the folder", "of the environment"])
def test_an_api_alone_has_the_secret_key_of_the_environment_or_else_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    started: list[Mapping[str, str]] = []
    monkeypatch.chdir(tmp_path)  # `serve` leaves for the checkout
    monkeypatch.setattr(os, "execve", lambda _program, _words, env: started.append(env))
    paths.make_token(tmp_path)
    of_folder = paths.make_secret_key(tmp_path)
    env = {"TRUTHGPT_API_TOKEN": None, "FRONTIER_SECRET_KEY": given}
    result = CliRunner().invoke(app, ["serve", "--data-dir", str(tmp_path), "--port", str(free_port())], env=env)
    assert result.exit_code == 0, result.output
    assert started[0]["FRONTIER_SECRET_KEY"] == (given or of_folder)


def test_an_api_alone_is_told_to_count_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Mapping[str, str]] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "execve", lambda _program, _words, env: started.append(env))
    words = ["serve", "--data-dir", str(tmp_path), "--port", str(free_port())]
    for more in ([], ["--limits", "none"]):
        result = CliRunner().invoke(app, words + more, env={"TRUTHGPT_API_TOKEN": "a-key", "RATE_LIMIT_RPM": "7"})
        assert result.exit_code == 0, result.output

    assert [env["RATE_LIMIT_RPM"] for env in started] == ["7", "none"]
    assert started[1]["RATE_LIMIT_AUTH_FAILURES"] == "none"


@pytest.mark.parametrize("command", ["serve", "up"])
def test_other_limits_than_none_are_set_by_variables(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--limits", "60"], env={"COLUMNS": "200"})

    assert result.exit_code == 2
    assert "RATE_LIMIT_RPM" in result.output


def refusal_of_up(folder: Path, **env: str) -> str:
    """What `up` says when it ends before anything has started."""
    settings = {"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0", "TRUTHGPT_API_TOKEN": "a-key", **env}
    result = CliRunner().invoke(app, ["up", "--data-dir", str(folder), "--port", str(free_port())], env=settings)
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    return result.output


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("REDIS_URL", "http://here"),
        ("TRUTHGPT_API_TOKEN", "two words"),
        ("BATCH_MAX_SIZE", "many"),
        ("RATE_LIMIT_RPM", "many"),
        ("FRONTIER_SECRET_KEY", "short"),
        ("WEBHOOK_SCHEDULE", "often"),
    ],
)
def test_a_setting_that_is_wrong_stops_up_before_anything_is_started(tmp_path: Path, variable: str, value: str) -> None:
    assert refusal_of_up(tmp_path, **{variable: value}).startswith(f"Error: {variable}: ")
    assert not (tmp_path / "up.json").exists()


def test_a_redis_server_that_is_away_is_named_without_its_password(tmp_path: Path) -> None:
    said = refusal_of_up(tmp_path, REDIS_URL=f"redis://:secret@127.0.0.1:{free_port()}/0")
    assert said.startswith("Error: The Redis server at redis://:***@127.0.0.1:")
    assert "secret" not in said


def test_a_data_folder_that_cannot_be_made_is_told_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = refusal_of_up(tmp_path / "file" / "folder")
    assert "cannot be made: Not a directory; choose another with --data-dir." in said


def test_an_api_whose_port_is_taken_or_whose_settings_are_wrong_is_refused_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        words = ["serve", "--data-dir", str(tmp_path), "--port", str(other.getsockname()[1])]
        taken = CliRunner().invoke(app, words, env={"TRUTHGPT_API_TOKEN": "a-key"})
        wrong = CliRunner().invoke(app, words, env={"TRUTHGPT_API_TOKEN": "a-key", "HOST": "no host"})
    assert "is taken" in taken.output
    assert wrong.output.startswith("Error: HOST: ")
    assert [(result.exit_code, result.output.count("\n")) for result in (taken, wrong)] == [(1, 1), (1, 1)]

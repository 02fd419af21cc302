"""What the doctor finds, and what it says to do."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from pathlib import Path

import pytest
from redis import Redis
from typer.testing import CliRunner

from scripts import machine_checks, paths, service_checks
from scripts.cli import app
from scripts.finding import Finding, Level
from scripts.ports import free_port
from tests.redis_process import RedisProcess


def only(findings: Iterable[Finding], subject: str) -> Finding:
    return next(finding for finding in findings if finding.subject == subject)


def write_config(folder: Path, text: str) -> dict[str, str]:
    (folder / "models.yaml").write_text(text)
    return {"TRUTHGPT_CONFIG": str(folder / "models.yaml")}


def test_missing_weights_are_bad_and_the_folder_is_named(tmp_path: Path) -> None:
    env = write_config(tmp_path, "models: {mine: {path: ./nowhere}, echo: {engine: scripted}}")
    findings = list(machine_checks.check_models(env))
    assert only(findings, "configuration").level is Level.OK
    assert only(findings, "model echo").level is Level.OK
    missing = only(findings, "model mine")
    assert missing.level is Level.BAD
    assert str(tmp_path / "nowhere") in missing.words
    assert "models.mine.path" in missing.advice


def test_a_broken_configuration_is_bad_and_the_field_is_named(tmp_path: Path) -> None:
    [finding] = machine_checks.check_models(write_config(tmp_path, "models: {mine: {engine: steam}}"))
    assert finding.level is Level.BAD
    assert "mine.engine" in finding.words
    assert "TRUTHGPT_CONFIG" in finding.advice


def test_a_token_that_others_can_read_is_a_warning_with_the_command_that_mends_it(tmp_path: Path) -> None:
    assert machine_checks.check_token(tmp_path, {}).level is Level.OK
    paths.make_token(tmp_path)
    assert machine_checks.check_token(tmp_path, {}).level is Level.OK
    paths.token_file(tmp_path).chmod(0o644)
    finding = machine_checks.check_token(tmp_path, {})
    assert finding.level is Level.WARN
    assert finding.advice == f"chmod 600 {tmp_path / 'token'}"


def test_a_token_is_never_shown(tmp_path: Path) -> None:
    token = paths.make_token(tmp_path)
    assert token not in machine_checks.check_token(tmp_path, {}).words
    assert "secret" not in machine_checks.check_token(tmp_path, {"TRUTHGPT_API_TOKEN": "secret"}).words


def test_a_data_folder_that_cannot_be_made_is_bad(tmp_path: Path) -> None:
    assert machine_checks.check_folder_and_disk(tmp_path / "new" / "folder").level is not Level.BAD
    (tmp_path / "file").touch()
    finding = machine_checks.check_folder_and_disk(tmp_path / "file" / "folder")
    assert finding.level is Level.BAD
    assert "--data-dir" in finding.advice


def test_a_server_that_does_not_answer_is_bad_and_its_password_is_not_shown(tmp_path: Path) -> None:
    env = {"REDIS_URL": f"redis://:hush@127.0.0.1:{free_port()}/0"}
    [finding] = service_checks.check_redis(tmp_path, env)
    assert finding.level is Level.BAD
    assert "hush" not in finding.words
    assert "REDIS_URL" in finding.advice


def test_a_server_that_evicts_is_told_apart_from_a_sound_one(tmp_path: Path, redis_process: RedisProcess) -> None:
    env = {"REDIS_URL": redis_process.url}
    [sound] = service_checks.check_redis(tmp_path, env)
    assert sound.level is Level.OK
    with Redis.from_url(redis_process.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        [evicting] = service_checks.check_redis(tmp_path, env)
        client.config_set("maxmemory", "100mb")
        [losing] = service_checks.check_redis(tmp_path, env)
    assert evicting.level is Level.WARN
    assert losing.level is Level.BAD
    assert "noeviction" in losing.words


def test_a_server_that_keeps_nothing_is_a_warning(tmp_path: Path, redis_process: RedisProcess) -> None:
    with Redis.from_url(redis_process.url) as client:
        client.config_set("appendonly", "no")
    [finding] = service_checks.check_redis(tmp_path, {"REDIS_URL": redis_process.url})
    assert finding.level is Level.WARN
    assert finding.advice == "Set appendonly yes."


def test_a_taken_port_is_bad_only_while_our_api_does_not_run(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        finding = only(service_checks.check_api(tmp_path, host="127.0.0.1", port=port), "port")
    assert finding.level is Level.BAD
    assert finding.advice == "Choose another with --port."
    assert only(service_checks.check_api(tmp_path, host="127.0.0.1", port=free_port()), "port").level is Level.OK


def test_an_api_that_should_run_and_does_not_answer_is_bad(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    paths.write_running(tmp_path, paths.Running(url=url, redis_url="", pid=os.getpid(), children={}))
    [finding] = service_checks.check_api(tmp_path, host="127.0.0.1", port=8080)
    assert finding.level is Level.BAD
    assert url in finding.words


def test_the_configuration_that_runs_is_checked_unless_another_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRUTHGPT_CONFIG", raising=False)
    named = write_config(tmp_path, "models: {runs: {engine: scripted}}")["TRUTHGPT_CONFIG"]
    url = f"http://127.0.0.1:{free_port()}"
    paths.write_running(tmp_path, paths.Running(url=url, redis_url="", pid=os.getpid(), children={}, config=named))
    words = ["doctor", "--data-dir", str(tmp_path)]

    assert "model runs" in CliRunner().invoke(app, words).output
    assert "none.yaml" in CliRunner().invoke(app, words, env={"TRUTHGPT_CONFIG": str(tmp_path / "none.yaml")}).output


def test_the_command_fails_only_if_something_is_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    config = write_config(tmp_path, "models: {echo: {engine: scripted}}")
    words = ["doctor", "--data-dir", str(tmp_path), "--port", str(free_port())]
    well = CliRunner().invoke(app, words, env=config)
    assert well.exit_code == 0, well.output
    ill = CliRunner().invoke(app, words, env={"TRUTHGPT_CONFIG": str(tmp_path / "none.yaml")})
    assert ill.exit_code == 1
    assert "bad" in ill.output


def test_a_secret_key_is_looked_at_and_never_shown(tmp_path: Path) -> None:
    assert machine_checks.check_secret_key(tmp_path, {}).level is Level.OK
    key = paths.make_secret_key(tmp_path)
    found = machine_checks.check_secret_key(tmp_path, {})
    assert (found.level, key in found.words) == (Level.OK, False)
    paths.secret_key_file(tmp_path).chmod(0o644)
    others = machine_checks.check_secret_key(tmp_path, {})
    assert (others.level, others.advice) == (Level.WARN, f"chmod 600 {tmp_path / 'secret-key'}")
    given = machine_checks.check_secret_key(tmp_path, {"FRONTIER_SECRET_KEY": key})
    assert (given.level, key in given.words) == (Level.OK, False)
    wrong = machine_checks.check_secret_key(tmp_path, {"FRONTIER_SECRET_KEY": "mistyped"})
    assert (wrong.level, "mistyped" in wrong.words) == (Level.BAD, False)

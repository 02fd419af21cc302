"""The data folder: the token, and the address of a running system."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.webhooks.sealing import Sealer
from scripts import paths


def running_as(pid: int) -> paths.Running:
    return paths.Running(url="http://127.0.0.1:8080", redis_url="redis://", pid=pid, children={"api": 7})


def test_the_folder_that_is_given_wins_over_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTIER_DATA_DIR", str(tmp_path / "environment"))
    assert paths.data_dir(tmp_path / "given") == tmp_path / "given"
    assert paths.data_dir(None) == tmp_path / "environment"


def test_the_users_own_folder_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FRONTIER_DATA_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    folder = paths.data_dir(None)
    assert folder.is_relative_to(tmp_path)
    assert folder.name == "frontier"


def test_a_token_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    assert paths.read_token(tmp_path) is None
    token = paths.make_token(tmp_path)
    assert len(token) >= 32
    assert paths.make_token(tmp_path) == token
    assert paths.read_token(tmp_path) == token
    assert paths.token_file(tmp_path).stat().st_mode & 0o777 == 0o600


def test_a_secret_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    assert paths.read_secret_key(tmp_path) is None
    key = paths.make_secret_key(tmp_path)
    assert Sealer.from_env({"FRONTIER_SECRET_KEY": key}) is not None
    assert paths.make_secret_key(tmp_path) == key
    assert paths.read_secret_key(tmp_path) == key
    assert paths.secret_key_file(tmp_path).stat().st_mode & 0o777 == 0o600


def test_an_empty_token_file_is_no_token(tmp_path: Path) -> None:
    paths.token_file(tmp_path).write_text("\n")
    assert paths.read_token(tmp_path) is None
    assert paths.make_token(tmp_path)


def test_a_running_system_is_found_by_its_folder(tmp_path: Path) -> None:
    paths.write_running(tmp_path, running_as(os.getpid()))
    assert paths.read_running(tmp_path) == running_as(os.getpid())
    assert paths.read_address(tmp_path) == "http://127.0.0.1:8080"


def test_what_a_killed_system_left_behind_is_not_an_address(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    paths.write_running(tmp_path, replace(running_as(os.getpid()), pid=ended.pid))
    assert paths.read_address(tmp_path) is None


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"url": 1}', '{"url": "", "redis_url": "", "pid": "x", "children": {}}']
)
def test_a_damaged_file_is_not_an_address(tmp_path: Path, content: str) -> None:
    paths.running_file(tmp_path).write_text(content)
    assert paths.read_address(tmp_path) is None

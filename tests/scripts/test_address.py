"""Which API a client command talks to, and which token it shows there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from scripts import paths
from scripts.cli import app
from tests.scripts.job_api import TOKEN
from tests.scripts.job_server import JobServer


@pytest.fixture
def server() -> Iterator[JobServer]:
    """Stands on the port where a command looks that knows of no other."""
    with JobServer() as server:
        yield server


def list_jobs(server: JobServer, *options: str, **env: str) -> Result:
    """`frontier jobs list` on a machine where nothing but *env* is set."""
    bare = dict.fromkeys(("FRONTIER_URL", "FRONTIER_DATA_DIR", "TRUTHGPT_API_TOKEN"))
    return CliRunner().invoke(app, ["jobs", "list", *options], env={**bare, "PORT": str(server.port), **env})


def folder_with_token(folder: Path) -> Path:
    folder.mkdir(parents=True)
    paths.token_file(folder).write_text(f"{TOKEN}\n")
    return folder


@pytest.mark.parametrize("way", ["--data-dir", "FRONTIER_DATA_DIR"])
def test_a_folder_whose_system_is_down_stands_for_no_other_system(server: JobServer, tmp_path: Path, way: str) -> None:
    folder = folder_with_token(tmp_path / "mine")

    outcome = list_jobs(server, way, str(folder)) if way[0] == "-" else list_jobs(server, **{way: str(folder)})

    assert outcome.exit_code == 1
    assert outcome.stderr == f"Error: no `frontier up` runs with {folder}; start it or give --url\n"
    assert server.requests == []


def test_a_folder_stands_for_the_system_that_runs_with_it(server: JobServer, tmp_path: Path) -> None:
    folder = folder_with_token(tmp_path / "mine")
    paths.write_running(folder, paths.Running(url=server.url, redis_url="", pid=os.getpid(), children={}))

    outcome = list_jobs(server, "--data-dir", str(folder), PORT="9")

    assert (outcome.exit_code, outcome.stdout) == (0, "no jobs\n")


def test_an_address_given_beside_a_folder_wins(server: JobServer, tmp_path: Path) -> None:
    folder = str(folder_with_token(tmp_path / "mine"))

    by_option = list_jobs(server, "--data-dir", folder, "--url", server.url)
    by_environment = list_jobs(server, FRONTIER_DATA_DIR=folder, FRONTIER_URL=server.url)

    for outcome in (by_option, by_environment):
        assert (outcome.exit_code, outcome.stdout) == (0, "no jobs\n")


def test_a_folder_that_is_an_option_goes_before_an_address_in_the_environment(
    server: JobServer, tmp_path: Path
) -> None:
    folder = folder_with_token(tmp_path / "mine")

    outcome = list_jobs(server, "--data-dir", str(folder), FRONTIER_URL=server.url)

    assert outcome.exit_code == 1
    assert server.requests == []


def test_without_a_folder_the_users_own_stands_for_this_machines_port(server: JobServer, tmp_path: Path) -> None:
    folder_with_token(tmp_path / "frontier")

    outcome = list_jobs(server, XDG_DATA_HOME=str(tmp_path))

    assert (outcome.exit_code, outcome.stdout) == (0, "no jobs\n")

"""OpenAI's own client against a real API and real workers: what is installed here, and with a mark other releases."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.conftest import TOKEN
from tests.api.gunicorn_process import GunicornProcess
from tests.openai.client_places import client_place

ROOT = Path(__file__).parents[2]
OLDER = ("1.109.1", "2.6.1")


def drive(server: GunicornProcess, python: Path) -> subprocess.CompletedProcess[str]:
    env = {
        "PATH": os.environ["PATH"],
        "OPENAI_BASE_URL": f"http://127.0.0.1:{server.port}/v1",
        "OPENAI_API_KEY": TOKEN,
        "FRONTIER_TEXT_MODEL": "m",
        "FRONTIER_ENCODER": "encoder",
    }
    command = [str(python), "-m", "tests.openai.drive"]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, check=False)


def test_openai_s_client_finds_what_it_expects(server: GunicornProcess) -> None:
    done = drive(server, Path(sys.executable))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.openai_matrix
@pytest.mark.parametrize("release", OLDER)
def test_older_releases_find_it_too(server: GunicornProcess, release: str) -> None:
    done = drive(server, client_place(release))
    assert done.returncode == 0, done.stdout + done.stderr

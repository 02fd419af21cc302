"""OpenAI's own client against a real API and real workers: what is installed here, and with a mark other releases."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI
from redis import Redis

from jobs.store import JobStore
from tests.api.conftest import TOKEN
from tests.api.gunicorn_process import GunicornProcess
from tests.cutting_proxy import CuttingProxy
from tests.openai.client_places import client_place

ROOT = Path(__file__).parents[2]
ASKED: Any = {"model": "m", "messages": [{"role": "user", "content": "Who is it that cuts?"}], "max_tokens": 40}
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


def test_a_retry_finds_the_job_whose_answer_was_cut_off_and_a_new_request_makes_another(
    server: GunicornProcess, redis_server: str
) -> None:
    with Redis.from_url(redis_server) as redis:
        store = JobStore(redis)
        before = {job.id for job in store.list("default", limit=100).jobs}

        def made() -> set[str]:
            return {job.id for job in store.list("default", limit=100).jobs} - before

        proxy = CuttingProxy(server.port, hang_ups=[lambda: bool(made())])
        with (
            proxy.running(),
            OpenAI(base_url=f"{proxy.url}/v1", api_key=TOKEN, max_retries=2) as client,
        ):
            first = client.chat.completions.with_raw_response.create(**ASKED)
            assert first.http_request.headers["x-stainless-retry-count"] == "1"
            assert first.headers["Idempotency-Replayed"] == "true"
            assert [first.headers["Location"].rpartition("/")[2]] == list(made())
            assert first.parse().choices[0].message.content

            second = client.chat.completions.with_raw_response.create(**ASKED)
            assert "Idempotency-Replayed" not in second.headers
            assert len(made()) == 2


@pytest.mark.openai_matrix
@pytest.mark.parametrize("release", OLDER)
def test_older_releases_find_it_too(server: GunicornProcess, release: str) -> None:
    done = drive(server, client_place(release))
    assert done.returncode == 0, done.stdout + done.stderr

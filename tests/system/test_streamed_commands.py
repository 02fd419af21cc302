"""`frontier infer --stream` and `frontier jobs watch` while the API that streams to them is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from random import Random

import pytest

from scripts.client import FrontierClient
from scripts.patience import Patience
from tests.system.books import Books
from tests.system.fleet import PATIENCE_SECONDS, TENANT, TOKEN, Fleet
from tests.system.history import History

TOKENS = 150


def start_frontier(fleet: Fleet, *words: str) -> subprocess.Popen[str]:
    env = os.environ | {"FRONTIER_URL": fleet.url, "TRUTHGPT_API_TOKEN": TOKEN}
    command = [sys.executable, "-m", "scripts.cli", *words]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("kills", [(0,), pytest.param((1, 40, 90), marks=pytest.mark.long)])
def test_what_infer_prints_is_the_text_of_its_job_though_the_api_is_killed(
    fleet: Fleet, random: Random, kills: Sequence[int]
) -> None:
    prompt = f"all the world is a stage {random.random()}"

    with start_frontier(fleet, "infer", prompt, "--stream", "--max-tokens", str(TOKENS)) as process:
        assert process.stdout is not None
        printed = process.stdout.read(1)
        for letters in kills:
            printed += process.stdout.read(letters)
            fleet.api.send(signal.SIGKILL)
        printed += process.stdout.read()
        process.wait()

    patience = Patience(seconds=PATIENCE_SECONDS, first_answer_seconds=PATIENCE_SECONDS)
    with FrontierClient(fleet.url, TOKEN, patience=patience) as client:
        [newest] = client.jobs(limit=1, metadata={})
        job = client.job(newest.id)
    assert job.text
    assert printed == job.text + "\n"
    assert process.returncode == 0


def test_a_job_is_watched_to_its_end_and_replayed(fleet: Fleet, history: History, books: Books) -> None:
    [promise] = history.submit(1)

    outcomes = []
    for _ in range(2):
        with start_frontier(fleet, "jobs", "watch", promise.job_id) as process:
            text, said = process.communicate()
            outcomes.append((process.returncode, text))
            assert "time to result" in said

    assert outcomes == [(0, f"{fleet.store.find(TENANT, promise.job_id).text}\n")] * 2
    books.close()

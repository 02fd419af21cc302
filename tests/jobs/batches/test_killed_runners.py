"""Runners are killed at any moment: each line is told once all the same."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import redis

from jobs.batches.batch import BatchStatus, NewBatch
from jobs.batches.store import BatchStore
from tests.conftest import SEED
from tests.jobs.batches.runner_process import BATCH, LINES
from tests.jobs.input_file import add_input

KILLS = ("claimed", "submitted", "written", "committed", "forgotten")


def run_until(word: str, times: int, redis_url: str, folder: Path) -> None:
    """Kill a runner when it has said the word so often, unless it ends before."""
    command = [sys.executable, "-m", "tests.jobs.batches.runner_process", redis_url, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for said in process.stdout:
            times -= said.strip() == word
            if not times:
                process.kill()
                break
        process.stdout.read()


def test_each_line_is_told_once_whenever_its_runners_are_killed(redis_url: str, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    with redis.Redis.from_url(redis_url) as client:
        batches = BatchStore(client)
        add_input(client)
        batches.accept(NewBatch(id=BATCH, tenant="default", endpoint="/v1/completions", input_file_id="file-1"))
        for word in chance.sample(KILLS, len(KILLS)):
            run_until(word, 1 if word == "claimed" else chance.randint(1, 2), redis_url, tmp_path)
        run_until("finalized", 1, redis_url, tmp_path)
        while batches.find("default", BATCH).status is not BatchStatus.COMPLETED:
            run_until("never", 1, redis_url, tmp_path)
        batch = batches.find("default", BATCH)
        assert (batch.status, batch.completed, batch.failed) == (BatchStatus.COMPLETED, LINES, 0)
        parts = batches.parts("default", BATCH, "output")
        texts = [tmp_path.joinpath(part.name.replace("/", "_")).read_text() for part in parts]
        assert sorted("".join(texts).splitlines()) == sorted(f"line {number}" for number in range(LINES))
        assert [len(text.splitlines()) for text in texts] == [part.lines for part in parts]
        assert not client.exists(f"frontier:t:default:b:{BATCH}:ended")

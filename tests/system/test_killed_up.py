"""`frontier up` killed with everything under it while clients submit: its next start goes on where it was."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from redis import Redis

from jobs.connection import connect
from jobs.store import JobStore
from scripts import paths
from tests.system.books import Books
from tests.system.fleet import CONFIG, MODEL, TIMES, TOKEN
from tests.system.history import History
from tests.system.up_process import UpProcess


class UpDeployment:
    """What is under one `frontier up` after another, all on the same folder and port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "models.yaml"
        self.config.write_text(CONFIG)
        self.up = self._start(None)
        running = paths.read_running(folder / "data")
        assert running is not None
        self.client: Redis = connect(running.redis_url)
        self.store = JobStore(self.client)
        self.has_closed_books = False

    @property
    def worker_logs(self) -> list[Path]:
        return [self.folder / "data" / "logs" / f"{MODEL}-1.log"]

    def words(self) -> str:
        return self.up.output

    def start_again(self) -> None:
        self.up = self._start(self.up.port)

    def _start(self, port: int | None) -> UpProcess:
        env = {**TIMES, "TRUTHGPT_API_TOKEN": TOKEN}
        up = UpProcess(self.folder / "data", self.config, "--model", MODEL, port=port, env=env)
        up.read_until(f"{MODEL} is ready")
        return up


@pytest.mark.long
def test_everything_that_frontier_up_runs_may_be_killed_with_it(
    tmp_path: Path,
    server_binary: Path,  # noqa: ARG001 - skips where there is none
    make_history: Callable[[str], History],
    random: Random,
) -> None:
    deployment = UpDeployment(tmp_path)
    killed = deployment.up
    try:
        history = make_history(f"http://127.0.0.1:{killed.port}")
        books = Books(deployment, history)
        history.submit(random.randint(10, 20))
        with history.submitting(random.randint(10, 20)):
            books.wait_until_emitted(random.randint(1, 8))
            killed.send(signal.SIGKILL)
            assert killed.survivors() == []
            deployment.start_again()
        books.close()
    finally:
        deployment.client.connection_pool.disconnect()
        killed.close()
        deployment.up.close()

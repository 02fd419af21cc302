"""What `frontier probe` tells of real workers, whatever is done to them, and what canaries leave behind: nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis

from jobs.probe_stamp import ProbeStamp
from tasks.app import make_app
from tests.redis_process import RedisProcess
from tests.system.worker_process import Client, WorkerProcess, wait_for

LIMIT_SECONDS = 2.0
HANGING = "models: {m: {engine: scripted, slots: 2, script: {hang_on: prompt 9, tokens_per_second: 50}}}"
EMBEDDING = "models: {m: {engine: scripted, slots: 2, script: {dimensions: 3}}}"
ENV = {"PROBE_EVERY_S": "0.1", "PROBE_LIMIT_S": str(LIMIT_SECONDS), "FRONTIER_WATCHDOG_S": "600"}


@dataclass
class Probed:
    """A worker, and what asks how it is."""

    worker: WorkerProcess
    file: Path

    def ask(self) -> subprocess.CompletedProcess[str]:
        """As a supervisor does it."""
        command = [sys.executable, "-m", "scripts.cli", "probe"]
        environment = {"PROBE_FILE": str(self.file), "PATH": "/usr/bin"}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    @property
    def stamp(self) -> ProbeStamp | None:
        return ProbeStamp.read(self.file)

    @property
    def complaint(self) -> str | None:
        stamp = self.stamp
        return "not there" if stamp is None else stamp.complaint(time.time())

    def wait_until_proven(self, after: float = 0.0) -> None:
        """By a canary that came after an instant."""
        wait_for(lambda: (stamp := self.stamp) is not None and (stamp.proven_at or 0.0) > after, tell=self.words)

    def words(self) -> str:
        return f"{self.stamp}\n{self.worker.log.read_text()}"


MakeProbed = Callable[..., Probed]


@pytest.fixture
def make_probed(tmp_path: Path) -> Iterator[MakeProbed]:
    with ExitStack() as cleanup:

        def make(url: str, config: str = HANGING, **env: str) -> Probed:
            models = tmp_path / "hanging.yaml"
            models.write_text(config)
            own = {**ENV, "TRUTHGPT_CONFIG": str(models), "PROBE_FILE": str(tmp_path / "probe"), **env}
            worker = WorkerProcess(url, tmp_path, tokens_per_second=50, env=own)
            cleanup.callback(worker.stop)
            worker.start()
            return Probed(worker, tmp_path / "probe")

        yield make


def test_a_worker_proves_itself_until_its_engine_hangs_or_it_stands_still_and_leaves_no_trace(
    make_probed: MakeProbed, redis_url: str, redis_client: Redis
) -> None:
    client = Client(redis_url)
    probed = make_probed(redis_url)
    probed.wait_until_proven()
    wait_for(lambda: probed.ask().stdout.startswith("ready, proven"), tell=probed.words)

    probed.wait_until_proven(after=time.time())
    assert client.store.list("default").jobs == []
    assert client.store.queue("m", "default").running == 0
    assert [key for key in redis_client.keys("*") if b"usage" in key or b"events" in key] == []
    assert redis_client.llen("frontier.m") == 0

    ids = client.submit(8, max_tokens=100_000)  # more than there are slots and threads for
    wait_for(lambda: client.store.queue("m", "default").running > 2)
    probed.wait_until_proven(after=time.time())
    for job_id in ids:
        client.store.cancel("default", job_id)
    client.wait_until_final(ids)

    client.store.set_mode("m", "paused")
    probed.wait_until_proven(after=time.time())
    client.store.set_mode("m", "running")

    probed.worker.signal(signal.SIGSTOP)
    wait_for(lambda: (probed.complaint or "").startswith("the process has said nothing"))
    stopped = probed.ask()
    assert (stopped.returncode, "has said nothing" in stopped.stderr) == (1, True)
    probed.worker.signal(signal.SIGCONT)
    probed.wait_until_proven(after=time.time())
    wait_for(lambda: probed.complaint is None, tell=probed.words)

    redis_client.client_kill_filter(_type="normal", skipme=True)
    probed.wait_until_proven(after=time.time())

    client.submit(10, max_tokens=1)  # the last of which hangs
    wait_for(lambda: "no message has come through" in (probed.complaint or ""), tell=probed.words)


@pytest.mark.long
def test_a_worker_of_a_made_up_model_that_embeds_proves_itself_too(make_probed: MakeProbed, redis_url: str) -> None:
    make_probed(redis_url, EMBEDDING).wait_until_proven()


@pytest.mark.long
def test_a_worker_whose_subscription_is_gone_fails_its_probe(make_probed: MakeProbed, redis_url: str) -> None:
    probed = make_probed(redis_url)
    probed.wait_until_proven()
    app = make_app(redis_url)
    app.control.cancel_consumer("frontier.canary.m-1", reply=True)
    wait_for(lambda: "no message has come through" in (probed.complaint or ""), tell=probed.words)


@pytest.mark.long
def test_while_redis_is_away_a_worker_is_not_blamed_and_proves_itself_when_it_is_back(
    make_probed: MakeProbed, redis_process: RedisProcess
) -> None:
    probed = make_probed(redis_process.url)
    probed.wait_until_proven()
    redis_process.kill()
    wait_for(lambda: (stamp := probed.stamp) is not None and stamp.phase == "without Redis", tell=probed.words)
    wait_for(lambda: probed.ask().stdout.startswith("without Redis"), tell=probed.words)
    assert probed.stamp is not None
    assert probed.stamp.unproven_since is None
    redis_process.start()
    probed.wait_until_proven(after=time.time())

    probed.worker.signal(signal.SIGTERM)
    assert probed.worker.wait() == 0
    ended = probed.ask()
    assert (ended.returncode, "is not there" in ended.stderr) == (1, True)
    with Redis.from_url(redis_process.url) as redis:
        assert [key for key in redis.scan_iter() if b"canary" in key and redis.ttl(key) == -1] == []

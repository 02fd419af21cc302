"""A backup of a server at work, by the steps of docs/operations.md, and what a restore makes of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from scripts import redis_server
from tests.redis_process import RedisProcess
from tests.system.worker_process import Client, WorkerProcess, wait_for

SLOTS = 8
SHORT = 5
LONG = 1_000


class Site:
    """A server with its folder and, once it is there, a worker."""

    def __init__(self, folder: Path, cleanup: ExitStack) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self._cleanup = cleanup
        self.server = RedisProcess(folder)

    def open(self) -> None:
        self.server.start()
        self._cleanup.callback(self.server.stop)
        self.client = Client(self.server.url)
        self.redis: Any = self._cleanup.enter_context(redis_server.client(self.server.url))

    def hire(self, *, tokens_per_second: int) -> WorkerProcess:
        worker = WorkerProcess(self.server.url, self.folder, tokens_per_second=tokens_per_second, env={})
        self._cleanup.callback(worker.stop)
        worker.start()
        return worker


@pytest.fixture
def make_site(tmp_path: Path, server_binary: Path) -> Iterator[Callable[[str], Site]]:  # noqa: ARG001 - skips where there is none
    with ExitStack() as cleanup:
        yield lambda name: Site(tmp_path / name, cleanup)


def copy_the_log(site: Site, target: Path) -> None:
    """Rewrites are held off while hard links are made; the copy is made from them."""
    before = site.redis.config_get("auto-aof-rewrite-percentage")
    site.redis.config_set("auto-aof-rewrite-percentage", 0)
    wait_for(lambda: not is_rewriting(site.redis))
    shutil.copytree(site.folder / "appendonlydir", site.folder / "held", copy_function=os.link)
    site.redis.config_set("auto-aof-rewrite-percentage", before["auto-aof-rewrite-percentage"])
    site.redis.bgrewriteaof()
    wait_for(lambda: not is_rewriting(site.redis))
    shutil.copytree(site.folder / "held", target / "appendonlydir")


def is_rewriting(redis: Redis) -> bool:
    persistence: Any = redis.info("persistence")
    return bool(persistence["aof_rewrite_in_progress"] or persistence["aof_rewrite_scheduled"])


def test_a_backup_of_a_server_at_work_is_restored_elsewhere_with_every_job(make_site: Callable[[str], Site]) -> None:
    site = make_site("first")
    site.open()
    worker = site.hire(tokens_per_second=20)
    ended = site.client.submit(3, max_tokens=SHORT)
    site.client.wait_until_final(ended)
    running = site.client.submit(SLOTS, max_tokens=LONG)
    wait_for(lambda: all(job.emitted_tokens for job in site.client.jobs(running)))
    waiting = site.client.submit(5, max_tokens=SHORT)
    results = site.client.jobs(ended)
    restored = make_site("second")
    copy_the_log(site, restored.folder)
    site.client.submit(2, max_tokens=SHORT)
    worker.stop()
    site.server.stop()

    restored.open()
    assert restored.client.jobs(ended) == results
    assert {job.state.value for job in restored.client.jobs(running)} == {"running"}
    assert not any(job.is_final for job in restored.client.jobs(waiting))
    restored.hire(tokens_per_second=1000)
    for jobs, length in ((running, LONG), (waiting, SHORT)):
        found = restored.client.wait_until_final(jobs)
        assert {(job.state.value, job.emitted_tokens) for job in found} == {("succeeded", length)}
    assert {(job.attempt, job.lost_leases) for job in restored.client.jobs(running)} == {(2, 1)}
    known = ended + running + waiting
    assert {job.id for job in restored.client.store.list("default", limit=100).jobs} == set(known)

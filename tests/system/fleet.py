"""A whole deployment of real processes: Valkey, an API, two workers and a sender, with short leases."""

from __future__ import annotations

import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kombu import pools
from redis import Redis

from api.limit_settings import NO_LIMITS
from jobs.connection import connect
from jobs.job import Job
from jobs.settings import StoreSettings
from jobs.store import JobStore
from jobs.webhooks.sealing import new_key
from scripts.ports import free_port
from tasks.app import WEBHOOKS, make_app, queue_name
from tests.redis_process import RedisProcess
from tests.system.kept_process import KeptProcess
from tests.system.worker_process import wait_for

MODEL = "m"
ALIAS = "another-name"
TENANT = "default"
TOKEN = "a-key-for-tests"
SLOTS = 8
TOKENS_PER_SECOND = 100
LEASE_SECONDS = 2.0
PATIENCE_SECONDS = 120.0
"""How long anything may take; only a broken system needs it."""

HANG = "hang the engine"
CONFIG = f"""
models:
  {MODEL}:
    engine: scripted
    slots: {SLOTS}
    script: {{tokens_per_second: {TOKENS_PER_SECOND}, hang_on: {HANG}}}
aliases: {{{ALIAS}: {MODEL}}}
"""
TIMES = {
    "FRONTIER_LEASE_S": str(LEASE_SECONDS),
    "FRONTIER_DISPATCH_GRACE_S": "1",
    "FRONTIER_SWEEP_S": "0.2",
    "SHUTDOWN_GRACE_S": "0.5",
    "FRONTIER_WATCHDOG_S": "3",
    "FRONTIER_DURABILITY": "strict",
    "TENANT_TOKENS_PER_DAY": "1000000000",
    "TENANT_CONCURRENT_JOBS": "1000000",
    "WEBHOOK_SCHEDULE": "0,0.2,0.5,1" + 26 * ",2",
    "WEBHOOK_TIMEOUT_S": "3",
    "WEBHOOK_CIRCUIT_S": "0.3",
    "WEBHOOK_SENDER_THREADS": "16",
    "WEBHOOK_ALLOW_CIDRS": "127.0.0.1/32",
}
GUNICORN = (sys.executable, "-m", "gunicorn", "-c", "python:api.gunicorn_conf", "api.app:create_app()")
CELERY = (sys.executable, "-m", "celery", "-A", "tasks.worker", "worker", "--loglevel=INFO")
SENDER = (sys.executable, "-m", "celery", "-A", "tasks.webhooks", "worker", "--queues", WEBHOOKS, "--loglevel=INFO")
CELERY_OPTIONS = ("--pool=threads", "--without-gossip", "--without-mingle")


class Fleet:
    """Started by `start`, ended by `stop`; its workers are called m-1 and m-2, its sender post-1.

    `has_closed_books` says that the last test has left it in order.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "models.yaml"
        self.config.write_text(CONFIG)
        (folder / "redis").mkdir()
        self.redis = RedisProcess(folder / "redis")
        self.client: Redis = connect(self.redis.url)
        self.store = JobStore(self.client, StoreSettings(lease_seconds=LEASE_SECONDS))
        self.broker = make_app(self.redis.url)
        self.port = free_port()
        self._key = new_key()
        self.api = self._api(self.port, "api")
        self.workers = [self._worker(f"{MODEL}-{number}") for number in (1, 2)]
        self.sender = self._sender("post-1")
        self.has_closed_books = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def processes(self) -> list[KeptProcess]:
        """All but Valkey."""
        return [self.api, *self.workers, self.sender]

    @property
    def worker_logs(self) -> list[Path]:
        return [worker.log for worker in self.workers]

    def start(self) -> None:
        self.redis.start()
        for process in self.processes:
            process.start()
        self.wait_until_whole()

    def stop(self) -> None:
        for process in self.processes:
            process.end()
        pools.reset()
        self.client.connection_pool.disconnect()
        self.redis.kill()

    def wait_until_whole(self) -> None:
        """Until both workers, as they are now, take jobs, the sender deliveries, and the API requests."""
        wait_for(
            lambda: all(map(self._has_joined, self.workers)) and self._sends(self.sender) and _listens(self.port),
            PATIENCE_SECONDS,
            tell=self.words,
        )

    def worker_of(self, job: Job) -> KeptProcess:
        """The worker that runs a job, or did last."""
        [worker] = [worker for worker in self.workers if worker.name == job.worker]
        return worker

    def restart(self, worker: KeptProcess, **env: str) -> None:
        """End a worker, or the sender, in good order and start it again with variables that hold for one life."""
        worker.end(signal.SIGTERM)
        worker.start(**env)
        self.wait_until_whole()

    @contextmanager
    def another_api(self, **env: str) -> Iterator[tuple[str, KeptProcess]]:
        """The address and the process of a second API, with variables of its own, once it listens."""
        port = free_port()
        api = self._api(port, f"api-{port}", **env)
        api.start()
        try:
            wait_for(lambda: _listens(port), PATIENCE_SECONDS, tell=self.words)
            yield f"http://127.0.0.1:{port}", api
        finally:
            api.end()

    @contextmanager
    def another_sender(self) -> Iterator[KeptProcess]:
        """A second one, once it takes deliveries."""
        sender = self._sender("post-2")
        sender.start()
        try:
            wait_for(lambda: self._sends(sender), PATIENCE_SECONDS, tell=self.words)
            yield sender
        finally:
            sender.end(signal.SIGTERM)

    @contextmanager
    def redis_away(self, seconds: float = 0.0) -> Iterator[None]:
        """Kill the server; start it again on the same data after the block, and no sooner than after so long."""
        self.redis.kill()
        until = time.monotonic() + seconds
        yield
        time.sleep(max(0.0, until - time.monotonic()))
        self.redis.start()

    @contextmanager
    def redis_full(self, share: float) -> Iterator[None]:
        """Limit the server's memory to this share of what it uses now; after the block there is room again."""
        memory: Any = self.client.info("memory")
        self.client.config_set("maxmemory", int(memory["used_memory"] * share))
        try:
            yield
        finally:
            self.client.config_set("maxmemory", 0)

    def cut_connections(self) -> None:
        """Close every connection to Redis, as a firewall that is restarted does."""
        with Redis.from_url(self.redis.url) as client:
            for kind in ("normal", "pubsub"):
                client.execute_command("CLIENT", "KILL", "TYPE", kind)

    def message(self, job_id: str) -> None:
        """One more message for a job, as a broker that doubles them would deliver."""
        self.broker.send_task("frontier.attempt", args=(job_id,), task_id=job_id, queue=queue_name(MODEL))

    def words(self) -> str:
        """The last that each process has said, for a test that fails."""
        logs = [process.log for process in self.processes]
        return "\n".join(f"--- {log.name}\n" + "\n".join(_tail(log, 15)) for log in logs)

    def _has_joined(self, worker: KeptProcess) -> bool:
        return _is(worker, self.client.hget(self.store.keys.worker(worker.name), "instance"))

    def _sends(self, sender: KeptProcess) -> bool:
        instance, slots = self.client.hmget(self.store.keys.name(f"s:{sender.name}"), "instance", "slots")
        return _is(sender, instance) and int(slots or 0) > 0

    def _api(self, port: int, name: str, **env: str) -> KeptProcess:
        own = {"PORT": str(port), "TRUTHGPT_API_TOKEN": TOKEN, "API_WORKERS": "1", **NO_LIMITS, **env}
        return KeptProcess(name, GUNICORN, self._env(own), self.folder)

    def _worker(self, name: str) -> KeptProcess:
        own = {"FRONTIER_WORKER_NAME": name}
        command = (*CELERY, *CELERY_OPTIONS, "--hostname", f"{name}@%h")
        return KeptProcess(name, command, self._env(own), self.folder)

    def _sender(self, name: str) -> KeptProcess:
        return KeptProcess(name, (*SENDER, *CELERY_OPTIONS), self._env({"FRONTIER_WORKER_NAME": name}), self.folder)

    def _env(self, own: dict[str, str]) -> dict[str, str]:
        site = {"REDIS_URL": self.redis.url, "TRUTHGPT_CONFIG": str(self.config), "FRONTIER_SECRET_KEY": self._key}
        return {**site, **TIMES, **own}


def _is(process: KeptProcess, instance: Any) -> bool:
    return isinstance(instance, bytes) and instance.decode().split("/")[1] == str(process.pid)


def _tail(log: Path, lines: int) -> list[Any]:
    return log.read_text(errors="replace").splitlines()[-lines:] if log.exists() else []


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0

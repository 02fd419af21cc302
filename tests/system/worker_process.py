"""A real Celery worker in a process of its own, which faults may be done to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jobs.connection import connect
from jobs.ids import new_id
from jobs.job import Job
from jobs.new_job import NewJob
from jobs.request import InferenceRequest, RequestType, SamplingParams
from jobs.settings import StoreSettings
from jobs.store import JobStore
from tasks.app import make_app
from tasks.dispatch import Dispatcher

LEASE_SECONDS = 2.0
SCRIPTED = """
models:
  m:
    engine: scripted
    slots: 8
    script: {tokens_per_second: %s}
"""


class WorkerProcess:
    """`celery -A tasks.worker worker` with a scripted engine and a short lease."""

    def __init__(self, redis_url: str, folder: Path, *, tokens_per_second: int, env: Mapping[str, str]) -> None:
        self.config = folder / "models.yaml"
        self.config.write_text(SCRIPTED % tokens_per_second)
        self.log = folder / "worker.log"
        self._env = {
            **os.environ,
            "CACHE_BACKEND": "none",
            "REDIS_URL": redis_url,
            "TRUTHGPT_CONFIG": str(self.config),
            "FRONTIER_WORKER_NAME": "m-1",
            "FRONTIER_LEASE_S": str(LEASE_SECONDS),
            "FRONTIER_SWEEP_S": "0.2",
            "SHUTDOWN_GRACE_S": "0.5",
            **env,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **env: str) -> None:
        """Start, with variables for this life alone; the worker announces itself in Redis when it is ready."""
        command = [sys.executable, "-m", "celery", "-A", "tasks.worker", "worker", "--loglevel=INFO"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=self._env | env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal without waiting."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self) -> int:
        """The exit code, once the process has ended."""
        assert self._process is not None
        code = self._process.wait(timeout=60)
        self._process = None
        return code

    def stop(self) -> None:
        """End whatever is left of the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=60)
            self._process = None


class Client:
    """Submits to a store without HTTP, and waits for what becomes of it."""

    def __init__(self, redis_url: str) -> None:
        redis = connect(redis_url)
        self.store = JobStore(redis, StoreSettings(lease_seconds=LEASE_SECONDS))
        self._dispatcher = Dispatcher(self.store, make_app(redis_url))

    def submit(self, count: int, *, max_tokens: int, **changes: Any) -> list[str]:
        """Accept so many jobs."""
        ids = [self._accept(f"prompt {number}", max_tokens, **changes) for number in range(count)]
        self._dispatcher.dispatch("m")
        return ids

    def jobs(self, ids: list[str]) -> list[Job]:
        return [self.store.find("default", job_id) for job_id in ids]

    def wait_until_final(self, ids: list[str], seconds: float = 120) -> list[Job]:
        """All jobs, once each is final; the sweep is left to the worker."""
        wait_for(lambda: all(job.is_final for job in self.jobs(ids)), seconds)
        return self.jobs(ids)

    def _accept(self, prompt: str, max_tokens: int, **changes: Any) -> str:
        params = SamplingParams(max_tokens=max_tokens)
        request = InferenceRequest(model="m", type=RequestType.COMPLETION, prompt=prompt, params=params)
        return self.store.accept(NewJob(id=new_id("job"), tenant="default", request=request, **changes)).job_id


def wait_for(condition: Callable[[], bool], seconds: float = 120, *, tell: Callable[[], str] | None = None) -> None:
    """Look until it holds; fail when it does not within the time, with what *tell* has to say."""
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at, f"not within {seconds} s: {tell() if tell else ''}"
        time.sleep(0.02)

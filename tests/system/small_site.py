"""An API and one worker of whatever models, where a test submits what it likes; no books are kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobs.job import Job
from tests.api.conftest import TOKEN
from tests.api.gunicorn_process import GunicornProcess
from tests.system.readers import Readers
from tests.system.stream_reader import StreamReader
from tests.system.worker_process import Client, WorkerProcess, wait_for

PATIENCE_SECONDS = 120.0
TENANT = "default"


class SmallSite:
    """*config* is the model configuration of both; the model is called m. The worker is not started yet."""

    def __init__(self, redis_url: str, folder: Path, config: str, env: Mapping[str, str]) -> None:
        file = folder / "site.yaml"
        file.write_text(config)
        own = {"TRUTHGPT_CONFIG": str(file), **env}
        self.worker = WorkerProcess(redis_url, folder, tokens_per_second=1, env=own)
        self.api = GunicornProcess({"REDIS_URL": redis_url, **own}, folder / "api.log")
        self.store = Client(redis_url).store
        self.readers = Readers(f"http://127.0.0.1:{self.api.port}", token=TOKEN)

    def stop(self) -> None:
        self.readers.close()
        self.worker.stop()
        self.api.close()

    def submit(self, prompt: str = "who knocks", **params: Any) -> str:
        answer = self.api.send("POST", "/v1/jobs", {"model": "m", "input": {"prompt": prompt}, "params": params})
        assert answer.status == 202, answer.text
        return str(answer.json["id"])

    def job(self, job_id: str) -> Job:
        return self.store.find(TENANT, job_id)

    def final(self, job_id: str) -> Job:
        """The job, once it has ended."""
        wait_for(lambda: self.job(job_id).is_final, PATIENCE_SECONDS, tell=lambda: str(self.job(job_id)))
        return self.job(job_id)

    def read(self, job_id: str) -> StreamReader:
        """A reader of a job, once it is told of it."""
        reader = self.readers.begin(job_id)
        wait_for(lambda: reader.jobs != [], PATIENCE_SECONDS)
        return reader

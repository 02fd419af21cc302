"""Batches on real processes: an API, a worker of a scripted model and runners, over a storage in a folder."""

from __future__ import annotations

import itertools
import json
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests
from openai import OpenAI
from redis import Redis

from api.limit_settings import NO_LIMITS
from jobs.batches.batch import Batch, BatchStatus, NewBatch, PartKind
from jobs.batches.store import BatchStore
from jobs.connection import connect
from jobs.files.file import NewFile, Purpose, name_of, new_file_id
from jobs.files.store import FileStore
from jobs.ids import new_id
from jobs.settings import StoreSettings
from jobs.store import JobStore
from scripts.ports import free_port
from storage.storage import Storage
from tests.system.fleet import GUNICORN, TOKEN
from tests.system.kept_process import KeptProcess
from tests.system.worker_process import wait_for

TENANT = "default"
CHAT = "/v1/chat/completions"
PATIENCE_SECONDS = 180.0
LEASE_SECONDS = 2.0
CELERY = (sys.executable, "-m", "celery", "-A")
OPTIONS = ("worker", "--pool=threads", "--without-gossip", "--without-mingle", "--loglevel=INFO")
CONFIG = """
models:
  m:
    engine: scripted
    slots: 8
    script: {tokens_per_second: %s}
"""


class BatchSite:
    """A worker called m-1, a runner called runner-1 and an API, none of which is started yet.

    Its files lie in the folder *files*, or in one below *folder*.
    """

    def __init__(
        self, redis_url: str, folder: Path, *, tokens_per_second: float, files: Path | None = None, **env: str
    ) -> None:
        self.folder = folder
        self.files_folder = files or folder / "files"
        self.config = folder / "models.yaml"
        self.config.write_text(CONFIG % tokens_per_second)
        settings = StoreSettings(lease_seconds=LEASE_SECONDS)
        self.client: Redis = connect(redis_url)
        self.batches = BatchStore(self.client, settings)
        self.jobs = JobStore(self.client, settings)
        self.files = FileStore(self.client, settings)
        self.storage = Storage.at(f"file://{self.files_folder}")
        self._env = {
            "REDIS_URL": redis_url,
            "TRUTHGPT_CONFIG": str(self.config),
            "FILES_URL": f"file://{self.files_folder}",
            "CACHE_BACKEND": "none",
            "FRONTIER_LEASE_S": str(LEASE_SECONDS),
            "FRONTIER_SWEEP_S": "0.2",
            "FRONTIER_DISPATCH_GRACE_S": "1",
            "SHUTDOWN_GRACE_S": "0.5",
            **env,
        }
        self.worker = self._process("m-1", "tasks.worker", "frontier.m")
        self.runner = self.another_runner("runner-1")
        self.port = free_port()
        own = {"PORT": str(self.port), "TRUTHGPT_API_TOKEN": TOKEN, "API_WORKERS": "1", **NO_LIMITS}
        self.api = KeptProcess("api", GUNICORN, self._env | own, folder)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def openai(self) -> OpenAI:
        """OpenAI's own client of the API, which takes no answer that is not as it expects."""
        return OpenAI(base_url=f"{self.url}/v1", api_key=TOKEN, _strict_response_validation=True)

    def serve(self) -> None:
        """Start the API too."""
        self.api.start()
        wait_for(self._answers, PATIENCE_SECONDS, tell=self.words)

    def another_runner(self, name: str, **env: str) -> KeptProcess:
        """One more, which is not started yet."""
        return self._process(name, "api.batches.worker", "batches", **env)

    def start(self) -> None:
        self.worker.start()
        self.runner.start()

    def stop(self) -> None:
        self.api.end()
        self.runner.end()
        self.worker.end()
        self.client.connection_pool.disconnect()

    def upload(self, lines: list[bytes], tenant: str = TENANT) -> str:
        """The id of a file of these lines."""
        data = b"".join(line + b"\n" for line in lines)
        file_id = new_file_id()
        self.files.expect(tenant, file_id, within_seconds=600)
        with self.storage.create(name_of(tenant, file_id)) as writer:
            writer.write(data)
        new = NewFile(id=file_id, tenant=tenant, filename="in.jsonl", purpose=Purpose.BATCH, bytes=len(data))
        return self.files.add(new).id

    def accept(self, file_id: str, tenant: str = TENANT, **changes: Any) -> str:
        """The id of a batch of that file."""
        batch = NewBatch(id=new_id("batch"), tenant=tenant, endpoint=CHAT, input_file_id=file_id, **changes)
        return self.batches.accept(batch).id

    def submit(self, lines: list[bytes], tenant: str = TENANT, **changes: Any) -> str:
        """The id of a batch of these lines."""
        return self.accept(self.upload(lines, tenant), tenant, **changes)

    def batch(self, batch_id: str, tenant: str = TENANT) -> Batch:
        return self.batches.find(tenant, batch_id)

    def until(self, batch_id: str, *statuses: BatchStatus) -> Batch:
        """The batch, once it stands so."""
        wait_for(
            lambda: self.batch(batch_id).status in statuses,
            PATIENCE_SECONDS,
            tell=lambda: f"{self.batch(batch_id)}\n{self.words()}",
        )
        return self.batch(batch_id)

    def final(self, batch_id: str) -> Batch:
        return self.until(batch_id, *(status for status in BatchStatus if status.is_final))

    def until_told(self, batch_id: str, count: int) -> None:
        """Until so many lines stand in the output."""
        wait_for(lambda: self._told(batch_id) >= count, PATIENCE_SECONDS, tell=lambda: str(self.batch(batch_id)))

    def answers(self, batch_id: str, kind: PartKind = "output") -> list[dict[str, Any]]:
        """The lines of the committed parts, in their order."""
        parts = self.batches.parts(TENANT, batch_id, kind)
        data = b"".join(b"".join(self.storage.read(part.name)) for part in parts)
        assert data.count(b"\n") == sum(part.lines for part in parts)
        assert len(data) == sum(part.bytes for part in parts)
        return [json.loads(line) for line in data.splitlines()]

    def part_names(self, batch_id: str) -> set[str]:
        """What the record knows in the storage."""
        kinds: tuple[PartKind, ...] = ("output", "errors")
        return {part.name for kind in kinds for part in self.batches.parts(TENANT, batch_id, kind)}

    def told(self, batch_id: str) -> Counter[str]:
        """How often each custom_id stands in the output, or in the errors."""
        kinds: tuple[PartKind, ...] = ("output", "errors")
        return Counter(line["custom_id"] for kind in kinds for line in self.answers(batch_id, kind))

    def left_jobs(self) -> int:
        """How many jobs there are records of."""
        return sum(1 for _ in self.client.scan_iter(self.jobs.keys.tenant(TENANT, "job", "*")))

    def until_no_job_is_left(self) -> None:
        """Until the lines of all batches are forgotten; a failure tells of some that are not."""
        wait_for(lambda: self.left_jobs() == 0, PATIENCE_SECONDS, tell=self._left)

    def _left(self) -> str:
        """What is recorded of up to five jobs, where their batch is, and who still has to look at them."""
        keys, told = self.jobs.keys, [f"{self.left_jobs()} jobs are left, such as"]
        for key in itertools.islice(self.client.scan_iter(keys.tenant(TENANT, "job", "*")), 5):
            job_id = key.decode().rpartition(":")[2]
            fields: Any = self.client.hgetall(key)
            job = {name.decode(): value.decode(errors="replace") for name, value in fields.items()}
            batch: Any = self.client.hgetall(keys.tenant(TENANT, "batch", job.get("batch", "")))
            seen = {name: self.client.zscore(keys.name(name), f"{TENANT}/{job_id}") for name in ("watch", "retire")}
            seen["untold"] = self.client.zscore(keys.of_batch(TENANT, job.get("batch", ""), "ended"), job_id)
            told.append(f"{job_id}: {job}\n  {seen}\n  of {batch}")
        return "\n".join([*told, self.words()])

    def words(self) -> str:
        """The last that each process has said, for a test that fails."""
        logs = [process.log for process in (self.runner, self.worker, self.api) if process.log.exists()]
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in logs)

    def _answers(self) -> bool:
        with suppress(requests.ConnectionError):
            return requests.get(f"{self.url}/health/live", timeout=60).ok
        return False

    def _told(self, batch_id: str) -> int:
        batch = self.batch(batch_id)
        return batch.completed + batch.failed

    def _process(self, name: str, app: str, queue: str, **env: str) -> KeptProcess:
        command = (*CELERY, app, *OPTIONS, "--queues", queue, "--hostname", f"{name}@%h")
        own: Mapping[str, str] = {**self._env, "FRONTIER_WORKER_NAME": name, **env}
        return KeptProcess(name, command, own, self.folder)


def chat_line(number: int, *, max_tokens: int = 5, **changed: Any) -> bytes:
    """A good line, but for what is changed."""
    messages = [{"role": "user", "content": f"Question {number}?"}]
    body = {"model": "m", "messages": messages, "max_tokens": max_tokens, "seed": number} | changed
    return json.dumps({"custom_id": f"q-{number}", "method": "POST", "url": CHAT, "body": body}).encode()

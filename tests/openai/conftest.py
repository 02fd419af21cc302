"""A real API and real workers for OpenAI's clients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from redis import Redis

from jobs.store import JobStore
from tests.api.gunicorn_process import GunicornProcess
from tests.system.worker_process import WorkerProcess, wait_for

MODELS = """
models:
  m:
    engine: scripted
    slots: 8
    script: {tokens_per_second: 100}
    limits: {max_tokens: 2000}
  encoder:
    engine: scripted
    slots: 8
    script: {dimensions: 16}
"""


@pytest.fixture(scope="module")
def server(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GunicornProcess]:
    """The API and a worker for each model, over an empty database."""
    with Redis.from_url(redis_server) as client, ExitStack() as cleanup:
        client.flushdb()
        store = JobStore(client)
        config = tmp_path_factory.mktemp("models") / "models.yaml"
        config.write_text(MODELS)
        for model in ("m", "encoder"):
            env = {"FRONTIER_MODEL": model, "FRONTIER_WORKER_NAME": f"{model}-1"}
            worker = WorkerProcess(redis_server, tmp_path_factory.mktemp(model), tokens_per_second=100, env=env)
            worker.config.write_text(MODELS)
            cleanup.callback(worker.stop)
            worker.start()
        env = {"REDIS_URL": redis_server, "TRUTHGPT_CONFIG": str(config)}
        process = GunicornProcess(env, tmp_path_factory.mktemp("gunicorn") / "log")
        cleanup.callback(process.close)
        wait_for(lambda: all(store.queue(model, "default").slots for model in ("m", "encoder")), 120)
        yield process

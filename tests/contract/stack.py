"""What the contract is held against: real processes, among which nothing takes long and nothing is rationed."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from redis import Redis

from jobs.keys import Keys
from jobs.webhooks.sealing import new_key
from tests.api.gunicorn_process import GunicornProcess
from tests.redis_process import RedisProcess
from tests.system.fleet import CELERY_OPTIONS, PATIENCE_SECONDS, SENDER
from tests.system.kept_process import KeptProcess
from tests.system.worker_process import WorkerProcess, wait_for

CONFIG = """
models:
  shakespeare:
    engine: scripted
    slots: 64
    limits: {max_tokens: 1000000, max_prompt_chars: 1000000}
    script: {reply: "A friend, my lord."}
  vectors:
    engine: scripted
    slots: 64
    script: {dimensions: 8}
"""
MODELS = ("shakespeare", "vectors")
ENV = {
    "API_FOREGROUND_S": "30",
    "API_STREAM_SECONDS": "1",
    "WEBHOOK_ALLOW_CIDRS": "127.0.0.0/8",
}
SCOPES = ("jobs:write", "jobs:read", "webhooks:manage")


class ContractStack:
    """Started when made; with a worker for each model, whose jobs end at once, and a sender."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "redis").mkdir()
        self.redis = RedisProcess(folder / "redis", durability="everysec")
        self.redis.start()
        config = folder / "stack.yaml"
        config.write_text(CONFIG)
        env = {**ENV, "REDIS_URL": self.redis.url, "TRUTHGPT_CONFIG": str(config), "FRONTIER_SECRET_KEY": new_key()}
        self.api = GunicornProcess(env, folder / "api.log")
        self.receiver = _Receiver()
        self._workers = [self._worker(name, env) for name in MODELS]
        self._sender = KeptProcess("sender", (*SENDER, *CELERY_OPTIONS), env, folder)
        self._sender.start()
        wait_for(self._is_ready, PATIENCE_SECONDS, tell=self._sender.log.read_text)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.api.port}"

    def stop(self) -> int:
        """End everything; the exit status of the API."""
        self._sender.end(signal.SIGTERM)
        for worker in self._workers:
            worker.signal(signal.SIGTERM)
        for worker in self._workers:
            worker.wait()
        status = self.api.stop()
        self.receiver.stop()
        self.redis.stop()
        return status

    def key_of(self, tenant: str, *scopes: str) -> str:
        """A new API key."""
        answer = self.api.send("POST", "/v1/admin/keys", {"tenant": tenant, "scopes": scopes or SCOPES})
        assert answer.status == 201, answer.text
        return str(answer.json["key"])

    def operations(self, scope: str) -> list[str]:
        """The names of the operations that need it."""
        paths = self.api.send("GET", "/openapi.json").json["paths"].values()
        told = [operation for path in paths for operation in path.values() if isinstance(operation, dict)]
        return [operation["operationId"] for operation in told if operation.get("x-scope") == scope]

    def resume(self) -> None:
        """Have all models run again, whoever has paused them."""
        for model in MODELS:
            assert self.api.send("POST", f"/v1/models/{model}/resume").status == HTTPStatus.OK

    def write_callers(self, keys: Mapping[str, str]) -> Path:
        """A file that tells the keys, by the names of their callers, to schemathesis."""
        callers = [_caller(name, key) for name, key in keys.items()]
        file = self._folder / "callers.json"
        file.write_text(json.dumps({"auth": callers}))
        return file

    def _worker(self, model: str, env: dict[str, str]) -> WorkerProcess:
        folder = self._folder / model
        folder.mkdir()
        own = {**env, "FRONTIER_WORKER_NAME": f"{model}-1", "FRONTIER_MODEL": model}
        worker = WorkerProcess(self.redis.url, folder, tokens_per_second=1, env=own)
        worker.start()
        return worker

    def _is_ready(self) -> bool:
        queues = self.api.send("GET", "/v1/queue").json["data"]
        with Redis.from_url(self.redis.url) as client:
            has_sender = bool(client.exists(Keys().name("senders")))
        return has_sender and all(queue["slots"] for queue in queues)


class _Receiver:
    """Takes whatever webhook is tried on it."""

    def __init__(self) -> None:
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _Taker)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Taker(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(HTTPStatus.NO_CONTENT)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


def _caller(name: str, key: str) -> dict[str, Any]:
    return {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {key}"}]}

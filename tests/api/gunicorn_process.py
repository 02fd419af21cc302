"""The API as it is served: gunicorn with gevent, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import psutil

from api.limit_settings import NO_LIMITS
from scripts.ports import free_port
from tests.api.conftest import TOKEN

_ROOT = Path(__file__).parents[2]


class Answer:
    """A response that has been read."""

    def __init__(self, response: HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode()

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class GunicornProcess:
    def __init__(self, env: Mapping[str, str], log: Path) -> None:
        self.port = free_port()
        self._log = log
        own = {
            "PORT": str(self.port),
            "TRUTHGPT_API_TOKEN": TOKEN,
            "PATH": os.environ["PATH"],
            "FILES_URL": f"file://{log.parent}/files",
            **NO_LIMITS,
        }
        command = [sys.executable, "-m", "gunicorn", "-c", "python:api.gunicorn_conf", "api.app:create_app()"]
        with log.open("wb") as output:
            self._process = subprocess.Popen(command, cwd=_ROOT, env=own | dict(env), stdout=output, stderr=output)
        self._wait_until_it_answers()

    def _wait_until_it_answers(self) -> None:
        for _ in range(600):
            try:
                self.send("GET", "/health/live")
            except OSError:
                assert self._process.poll() is None, self._log.read_text()
                threading.Event().wait(0.05)
            else:
                return
        raise AssertionError(self._log.read_text())

    def send(self, method: str, path: str, body: Any = None, *, seconds: float = 60.0, **headers: str) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        own = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        try:
            payload = body if body is None or hasattr(body, "__next__") else json.dumps(body)
            connection.request(method, path, payload, own | named, encode_chunked=hasattr(body, "__next__"))
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def begin(self, head: str, *, receive_bytes: int | None = None) -> socket.socket:
        """A connection over which *head* was sent, and nothing more; *receive_bytes* are about what it keeps unread."""
        connection = socket.socket()
        connection.settimeout(60)
        if receive_bytes is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        connection.connect(("127.0.0.1", self.port))
        lines = [*head.splitlines(), "Host: test", f"Authorization: Bearer {TOKEN}", "", ""]
        connection.sendall("\r\n".join(lines).encode())
        return connection

    def worker_pids(self) -> set[int]:
        """Of the processes that answer requests, as far as they live."""
        return {child.pid for child in psutil.Process(self._process.pid).children()}

    def close(self) -> None:
        """However the test went, leave nothing behind: the master takes its workers along unless it hangs."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(60)

    def stop(self) -> int:
        """End as an operator would; the exit status."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(60)

"""A client of the API that costs next to nothing: one connection per thread, kept open."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import Any

from jobs.request import InferenceRequest

WAIT_SECONDS = 60
IDLE_SECONDS = 5.0
"""A connection that nobody has used for so long may be closed at the other end."""


class Client:
    """May be used from any thread."""

    def __init__(self, *, port: int, token: str) -> None:
        self._port = port
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._mine = threading.local()
        self._opened: list[HTTPConnection] = []

    def close(self) -> None:
        """Close the connections of all threads, which must not be in use."""
        for connection in self._opened:
            connection.close()

    def answers(self, path: str) -> bool:
        """Whether a GET is answered with 200."""
        try:
            return self._call("GET", path)[0] == 200  # noqa: PLR2004 - the status of HTTP
        except (OSError, HTTPException):
            return False

    def submit(self, request: InferenceRequest, *, wait: bool = False) -> dict[str, Any]:
        """The accepted job; with *wait* the answer is held for a while in the hope that it ends."""
        return self._job("POST", "/v1/jobs", wait=wait, body=body_of(request))

    def result(self, job: dict[str, Any]) -> dict[str, Any]:
        """The job once it has succeeded, by long polls. Raises RuntimeError if it ends in another way."""
        while job["status"] in {"queued", "running"}:
            job = self._job("GET", f"/v1/jobs/{job['id']}", wait=True)
        if job["status"] != "succeeded":
            raise RuntimeError(f"job {job['id']} ended as {job['status']}: {job.get('error')}")
        return job

    def _job(self, method: str, path: str, *, wait: bool, body: Any = None) -> dict[str, Any]:
        status, document = self._call(method, path, body, {"Prefer": f"wait={WAIT_SECONDS}"} if wait else {})
        if status not in {200, 201, 202}:
            raise RuntimeError(f"{method} {path} was answered with {status}: {document}")
        return document

    def _call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        connection = self._connection()
        try:
            payload = None if body is None else json.dumps(body)
            connection.request(method, path, payload, {**self._headers, **(headers or {})})
            response = connection.getresponse()
            document = json.loads(response.read() or b"{}")
        except (OSError, HTTPException):
            connection.close()
            raise
        self._mine.used_at = time.monotonic()
        return response.status, document

    def _connection(self) -> HTTPConnection:
        if not hasattr(self._mine, "connection"):
            self._mine.connection = HTTPConnection("127.0.0.1", self._port, timeout=2 * WAIT_SECONDS)
            self._mine.used_at = time.monotonic()
            self._opened.append(self._mine.connection)
        connection: HTTPConnection = self._mine.connection
        if time.monotonic() - self._mine.used_at > IDLE_SECONDS:
            connection.close()
        return connection


def body_of(request: InferenceRequest) -> dict[str, Any]:
    """The submission of *request* for `POST /v1/jobs`."""
    params = request.params
    return {
        "type": request.type.value,
        "model": request.model,
        "input": {"prompt": request.prompt},
        "params": {
            "max_tokens": params.max_tokens,
            "temperature": params.temperature,
            "seed": params.seed,
            "ignore_eos": params.ignore_eos,
        },
    }

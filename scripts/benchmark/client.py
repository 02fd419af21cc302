"""A client of the API that costs next to nothing: it keeps its connections open."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from typing import Any

from jobs.request import InferenceRequest
from scripts.benchmark.frames import Frame, frames

WAIT_SECONDS = 60
IDLE_SECONDS = 5.0
"""A connection that nobody has used for so long may be closed at the other end."""
PATIENCE_SECONDS = 300.0


class Client:
    """May be used from any thread: a call takes a free connection, or opens one, and gives it back."""

    def __init__(self, *, port: int, token: str, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """*patience_seconds* is how long a result may take."""
        self.port = port
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._patience_seconds = patience_seconds
        self._free: list[tuple[HTTPConnection, float]] = []

    def close(self) -> None:
        """Close the connections; none may be in use."""
        while self._free:
            self._free.pop()[0].close()

    def answers(self, path: str) -> bool:
        """Whether a GET is answered with 200."""
        try:
            return self.call("GET", path)[0] == 200  # noqa: PLR2004 - the status of HTTP
        except (OSError, HTTPException):
            return False

    def submit(self, request: InferenceRequest, *, wait: bool = False) -> dict[str, Any]:
        """The accepted job; with *wait* the answer is held for a while in the hope that it ends."""
        return self.submit_body(body_of(request), wait_seconds=WAIT_SECONDS if wait else 0)

    def submit_body(self, body: Mapping[str, Any], *, wait_seconds: int = 0) -> dict[str, Any]:
        """The same for whatever is sent to `POST /v1/jobs`."""
        return self._job("POST", "/v1/jobs", wait_seconds=wait_seconds, body=body)

    def infer(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The completion that `POST /v1/infer` waits for."""
        status, document = self.call("POST", "/v1/infer", body)
        if status != 200:  # noqa: PLR2004 - the status of HTTP
            raise RuntimeError(f"POST /v1/infer was answered with {status}: {document}")
        return document

    def result(self, job: dict[str, Any]) -> dict[str, Any]:
        """The job once it has succeeded, by long polls.

        Raises RuntimeError if it ends in another way, and TimeoutError if it does not end.
        """
        give_up_at = time.monotonic() + self._patience_seconds
        while job["status"] in {"queued", "running"}:
            left = give_up_at - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"job {job['id']} was still {job['status']} after {self._patience_seconds:g} s")
            job = self._job("GET", f"/v1/jobs/{job['id']}", wait_seconds=min(WAIT_SECONDS, math.ceil(left)))
        if job["status"] != "succeeded":
            raise RuntimeError(f"job {job['id']} ended as {job['status']}: {job.get('error')}")
        return job

    @contextmanager
    def stream(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Iterator[Iterator[Frame]]:
        """The frames of an answer of server-sent events; leaving the block before the last one hangs up."""
        with self._connection() as connection:
            connection.request(method, path, None if body is None else json.dumps(body), self._headers)
            response = connection.getresponse()
            if response.status != 200:  # noqa: PLR2004 - the status of HTTP
                raise RuntimeError(f"{method} {path} was answered with {response.status}: {response.read()!r}")
            try:
                yield frames(response.read1, clock=time.monotonic)
            finally:
                if not response.isclosed():
                    connection.close()

    def cancel(self, job_id: str) -> None:
        """Ask for the end of a job."""
        self.call("POST", f"/v1/jobs/{job_id}/cancel")

    def _job(self, method: str, path: str, *, wait_seconds: int, body: Any = None) -> dict[str, Any]:
        headers = {"Prefer": f"wait={wait_seconds}"} if wait_seconds else {}
        status, document = self.call(method, path, body, headers)
        if status not in {200, 201, 202}:
            raise RuntimeError(f"{method} {path} was answered with {status}: {document}")
        return document

    def call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """The status and the document of an answer, whatever they are."""
        with self._connection() as connection:
            payload = None if body is None else json.dumps(body)
            connection.request(method, path, payload, {**self._headers, **(headers or {})})
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"{}")

    @contextmanager
    def _connection(self) -> Iterator[HTTPConnection]:
        try:
            connection, used_at = self._free.pop()
        except IndexError:
            connection = HTTPConnection("127.0.0.1", self.port, timeout=2 * WAIT_SECONDS)
        else:
            if time.monotonic() - used_at > IDLE_SECONDS:
                connection.close()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._free.append((connection, time.monotonic()))


def body_of(request: InferenceRequest) -> dict[str, Any]:
    """The submission of *request* for `POST /v1/jobs`, which has a run of its own whatever was asked before."""
    params = request.params
    return {
        "type": request.type.value,
        "model": request.model,
        "input": {"prompt": request.prompt},
        "cache": "bypass",
        "params": {
            "max_tokens": params.max_tokens,
            "temperature": params.temperature,
            "seed": params.seed,
            "ignore_eos": params.ignore_eos,
        },
    }

"""A small server that speaks the native job API, misbehaves on request, and keeps count."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from jobs.job import JobState

TOKEN = "secret-for-tests"
FIELDS = frozenset({"model", "type", "input", "params", "start_within_s", "deadline", "timeout_s", "metadata"})
Body = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """What happens instead of, or after, the next matching request."""

    method: str = ""
    status: int | None = None
    retry_after: str | None = None
    after_work: bool = False
    extra: Body = field(default_factory=dict)


@dataclass
class Answer:
    status: int
    body: Body
    headers: dict[str, str] = field(default_factory=dict)


class JobServer:
    """Jobs stay queued until `finish` is called; with *instant* they succeed as soon as they are accepted."""

    def __init__(self, *, instant: bool = False, looks: int = 0) -> None:
        self.changed = threading.Condition()
        self.jobs: dict[str, Body] = {}
        self.keys: dict[str, tuple[str, str]] = {}
        self.faults: deque[Fault] = deque()
        self.requests: list[tuple[str, str, dict[str, str], Body]] = []
        self.calls: Counter[str] = Counter()
        self.most_open_jobs = 0
        self.most_busy = 0
        self.busy = 0
        self.instant = instant
        self.looks = looks
        self.inline_results = True
        self.on_request: Callable[[str, str], None] = lambda _method, _path: None
        self.health = Answer(
            200, {"status": "ok", "redis": "ok", "models": {"shakespeare": {"workers": 1, "slots": 32}}}
        )
        self.connections: set[socket.socket] = set()
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        owner = self

        class Bound(_Handler):
            server_ = owner

        self._http = _Server(("127.0.0.1", self.port), Bound)
        self.port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, args=[0.01], daemon=True).start()

    def stop(self) -> None:
        """Nobody answers any more, and open connections break; the jobs stay."""
        self._http.shutdown()
        self._http.server_close()
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def finish(self, job_id: str, status: str = "succeeded", **members: Any) -> None:
        """Make a job final and wake who waits for it."""
        with self.changed:
            job = self.jobs[job_id]
            prompt = job["prompt"]
            job |= {"status": status, "version": job["version"] + 1, "finished_at": "2026-11-22T21:00:01Z"}
            job["usage"] |= {"prompt_tokens": 3, "completion_tokens": 5}
            job["timing"] = {
                "queue_wait_s": 0.012, "ttft_s": 0.045, "tpot_s": 0.008, "attempt_s": 0.1, "time_to_result_s": 0.61
            }  # fmt: skip
            if status == "succeeded":
                job["result"] = {"text": f"echo {prompt}", "finish_reason": "stop"}
            self.jobs[job_id] = job | members
            self.changed.notify_all()

    def wait_until(self, condition: Callable[[], bool], seconds: float = 10.0) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, seconds), "the condition did not come true"

    def open_jobs(self) -> list[str]:
        return [job_id for job_id, job in self.jobs.items() if not JobState(job["status"]).is_final]

    def answer(self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: Body) -> Answer:
        if path == "/health":
            return self.health
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return problem(401, "unauthorized", "the token is not known")
        if (method, path) == ("POST", "/v1/jobs"):
            return self._accept(headers.get("idempotency-key"), body)
        if (method, path) == ("GET", "/v1/jobs"):
            return self._list(query)
        if path == "/v1/models":
            return Answer(200, {"object": "list", "data": [{"id": "shakespeare", "object": "model"}]})
        match = re.fullmatch(r"/v1/jobs/([^/]+)(/cancel|/result)?", path)
        if not match or match[1] not in self.jobs:
            return problem(404, "job-not-found", f"there is no job {match[1] if match else path}")
        job_id, part = match[1], match[2]
        if part == "/cancel":
            if job_id in self.open_jobs():
                self.finish(job_id, "cancelled")
            return Answer(200, self.view(job_id))
        if part == "/result":
            return Answer(200, self.jobs[job_id]["result"])
        wait = re.fullmatch(r"wait=(\d+)", headers.get("prefer", ""))
        return self._look(job_id, float(wait[1]) if wait else 0.0)

    def view(self, job_id: str) -> Body:
        hidden = {"prompt", "looks"} if self.inline_results else {"prompt", "looks", "result"}
        return {name: value for name, value in self.jobs[job_id].items() if name not in hidden}

    def _accept(self, key: str | None, body: Body) -> Answer:
        sent = json.dumps(body, sort_keys=True)
        with self.changed:
            if key in self.keys:
                fingerprint, job_id = self.keys[key]
                if fingerprint != sent:
                    return problem(422, "idempotency-mismatch", "the key belongs to another request")
                return Answer(202, self.view(job_id), {"Idempotency-Replayed": "true"})
            refusal = _refusal(body)
            if refusal:
                return problem(422, "invalid", "the request is not valid", errors=[refusal])
            if body.get("model") not in {None, "shakespeare"}:
                return problem(404, "model-not-found", f"there is no model {body['model']}")
            job_id = f"job_{len(self.jobs) + 1:06d}"
            self.jobs[job_id] = _new_job(job_id, body)
            if key:
                self.keys[key] = (sent, job_id)
            self.most_open_jobs = max(self.most_open_jobs, len(self.open_jobs()))
            self.changed.notify_all()
        if self.instant and not self.looks:
            self.finish(job_id)
        return Answer(202, self.view(job_id), {"Location": f"/v1/jobs/{job_id}", "Retry-After": "1"})

    def _look(self, job_id: str, wait: float) -> Answer:
        job = self.jobs[job_id]
        job["looks"] += 1
        if self.instant and job["looks"] >= self.looks and job_id in self.open_jobs():
            self.finish(job_id)
        with self.changed:
            self.changed.wait_for(lambda: job_id not in self.open_jobs(), wait)
            return Answer(200, self.view(job_id))

    def _list(self, query: dict[str, str]) -> Answer:
        found = [
            self.view(job_id)
            for job_id, job in reversed(self.jobs.items())
            if query.get("status") in {None, job["status"]}
            and all(job["metadata"].get(k.removeprefix("metadata.")) == v for k, v in query.items() if "metadata." in k)
        ]
        begin, limit = int(query.get("cursor", 0)), int(query.get("limit", 20))
        rest = len(found) > begin + limit
        page = {"object": "list", "data": found[begin : begin + limit], "has_more": rest}
        return Answer(200, page | {"next_cursor": str(begin + limit) if rest else None})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server_: JobServer

    def setup(self) -> None:
        super().setup()
        self.server_.connections.add(self.connection)

    def finish(self) -> None:
        self.server_.connections.discard(self.connection)
        try:
            super().finish()
        except OSError:
            return

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def log_message(self, *_: object) -> None:
        return

    def _serve(self, method: str) -> None:
        owner = self.server_
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = json.loads(raw) if raw else {}
        with owner.changed:
            owner.requests.append((method, url.path, headers, body))
            owner.calls[method] += 1
            owner.busy += 1
            owner.most_busy = max(owner.busy, owner.most_busy)
            fault = owner.faults[0] if owner.faults and owner.faults[0].method in {"", method} else None
            if fault:
                owner.faults.popleft()
            owner.changed.notify_all()
        owner.on_request(method, url.path)
        try:
            answer = self._answer(method, url.path, dict(parse_qsl(url.query)), headers, body, fault)
        finally:
            with owner.changed:
                owner.busy -= 1
        if answer is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        payload = json.dumps(answer.body).encode()
        self.send_response(answer.status)
        kind = "application/problem+json" if answer.status >= 400 else "application/json"
        for name, value in {**answer.headers, "Content-Type": kind, "Content-Length": str(len(payload))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)
        self.wfile.flush()

    def _answer(
        self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: Body, fault: Fault | None
    ) -> Answer | None:
        if fault is None:
            return self.server_.answer(method, path, query, headers, body)
        if fault.after_work:
            self.server_.answer(method, path, query, headers, body)
        if fault.status is None:
            return None
        answer = problem(fault.status, "unavailable", "Redis does not answer", **fault.extra)
        if fault.retry_after is not None:
            answer.headers["Retry-After"] = fault.retry_after
        return answer


def problem(status: int, kind: str, detail: str, **extra: Any) -> Answer:
    title = kind.replace("-", " ")
    return Answer(status, {"type": kind, "title": title, "status": status, "detail": detail, **extra})


def _refusal(body: Body) -> Body | None:
    unknown = set(body) - FIELDS
    if unknown:
        return {"field": unknown.pop(), "message": "is not known"}
    prompt = _prompt(body)
    if "refuse" in prompt:
        return {"field": "input.prompt", "message": "is longer than the context"}
    if body.get("params", {}).get("top_p", 1) > 1:
        return {"field": "params.top_p", "message": "must be at most 1"}
    return None


def _prompt(body: Body) -> str:
    given = body["input"]
    return str(given["prompt"] if body["type"] == "completion" else given["messages"][-1]["content"])


def _new_job(job_id: str, body: Body) -> Body:
    return {
        "id": job_id,
        "object": "job",
        "type": body["type"],
        "model": body.get("model", "shakespeare"),
        "status": "queued",
        "version": 1,
        "created_at": "2026-11-22T21:00:00Z",
        "started_at": None,
        "finished_at": None,
        "attempt": 1,
        "max_attempts": 3,
        "queue": {"position": 1, "tokens_ahead": 0, "eta_s": 0.5},
        "progress": {"completion_tokens": 0, "max_tokens": 256},
        "timing": {},
        "usage": {"prompt_tokens": 0, "cached_tokens": 0, "completion_tokens": 0, "wasted_tokens": 0},
        "metadata": body.get("metadata", {}),
        "prompt": _prompt(body),
        "looks": 0,
    }

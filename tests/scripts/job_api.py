"""The native job API in memory: what a correct server answers, without HTTP."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from jobs.job import JobState

TOKEN = "secret-for-tests"
FIELDS = frozenset(
    {
        "cache",
        "model",
        "type",
        "input",
        "params",
        "priority",
        "start_within_s",
        "deadline",
        "timeout_s",
        "metadata",
        "webhook",
    }
)
USAGE = {"prompt_tokens": 3, "cached_tokens": 0, "completion_tokens": 5, "wasted_tokens": 0, "engine_seconds": 0.1}
TIMING = {"queue_wait_s": 0.012, "ttft_s": 0.045, "tpot_s": 0.008, "attempt_s": 0.1, "time_to_result_s": 0.61}
Body = dict[str, Any]
MODEL = {"id": "shakespeare", "object": "model", "max_tokens": 1024, "max_prompt_chars": 32_000}


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Body


@dataclass(frozen=True)
class Answer:
    """With *pieces* the body is a stream of them; the connection breaks where they raise ConnectionError."""

    status: int
    body: Body
    headers: dict[str, str] = field(default_factory=dict)
    pieces: Iterable[bytes] | None = None


def problem(status: int, kind: str, detail: str, **extra: Any) -> Answer:
    title = kind.replace("-", " ")
    return Answer(status, {"type": kind, "title": title, "status": status, "detail": detail, **extra})


class JobApi:
    """Jobs stay queued until `finish`; *looks_to_finish* jobs succeed by being looked at that often, 0 at once."""

    def __init__(self, looks_to_finish: float = float("inf")) -> None:
        self.changed = threading.Condition()
        self.jobs: dict[str, Body] = {}
        self.looks: dict[str, int] = {}
        self.keys: dict[str, tuple[str, str]] = {}
        self.looks_to_finish = looks_to_finish
        self.inline_results = True
        self.honours_wait = True
        self.most_open = 0
        self.limits: Body = {"object": "limits", "classes": [], "tenant": []}
        models = {"shakespeare": {"workers": 1, "slots": 32}}
        self.health = Answer(200, {"status": "ok", "redis": "ok", "models": models})

    def finish(self, job_id: str, status: str = "succeeded", **members: Any) -> None:
        """Make a job final and wake who waits for it."""
        with self.changed:
            job = self.jobs[job_id]
            final = {"status": status, "version": job["version"] + 1, "finished_at": "2026-11-22T21:00:01Z"}
            if status == "succeeded":
                final |= {"usage": USAGE, "timing": TIMING}
                final |= {"result": {"text": f"echo {job['prompt']}", "finish_reason": "stop"}}
            self.jobs[job_id] = job | final | members
            self.changed.notify_all()

    def wait_until(self, condition: Callable[[], bool], seconds: float = 120.0) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, seconds), "the condition did not come true"

    def is_open(self, job_id: str) -> bool:
        return not JobState(self.jobs[job_id]["status"]).is_final

    def open_jobs(self) -> list[str]:
        return [job_id for job_id in self.jobs if self.is_open(job_id)]

    def answer(self, request: Request) -> Answer:
        if request.path == "/health":
            return self.health
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return problem(401, "unauthorized", "the token is not known")
        routes: dict[tuple[str, str], Callable[[Request], Answer]] = {
            ("POST", "/v1/jobs"): self._accept,
            ("GET", "/v1/jobs"): self._list,
            ("GET", "/v1/models"): self._models,
            ("GET", "/v1/models/shakespeare"): lambda _: Answer(200, MODEL),
            ("GET", "/v1/limits"): lambda _: Answer(200, self.limits),
        }
        return routes.get((request.method, request.path), self._one_job)(request)

    def _accept(self, request: Request) -> Answer:
        key, sent = request.headers.get("idempotency-key"), json.dumps(request.body, sort_keys=True)
        with self.changed:
            if key in self.keys:
                fingerprint, job_id = self.keys[key]
                if fingerprint == sent:
                    return Answer(202, self._view(job_id), {"Idempotency-Replayed": "true"})
                return problem(422, "idempotency-mismatch", "the key belongs to another request")
            if refusal := _refusal(request.body):
                return refusal
            job_id = f"job_{len(self.jobs) + 1:06d}"
            self.jobs[job_id] = _new_job(job_id, request.body)
            if key:
                self.keys[key] = (sent, job_id)
            self._look(job_id, looks=0)
            self.most_open = max(self.most_open, len(self.open_jobs()))
            self.changed.notify_all()
        return Answer(202, self._view(job_id), {"Location": f"/v1/jobs/{job_id}", "Retry-After": "1"})

    def _one_job(self, request: Request) -> Answer:
        match = re.fullmatch(r"/v1/jobs/([^/]+)(/cancel|/result)?", request.path)
        job_id = match[1] if match else request.path
        if not match or job_id not in self.jobs:
            return problem(404, "job-not-found", f"there is no job {job_id}")
        if match[2] == "/result":
            return Answer(200, self.jobs[job_id]["result"])
        if match[2] == "/cancel":
            if self.is_open(job_id):
                self.finish(job_id, "cancelled")
            return Answer(200, self._view(job_id))
        wait = re.fullmatch(r"wait=(\d+)", request.headers.get("prefer", ""))
        with self.changed:
            self._look(job_id, looks=self.looks[job_id] + 1)
            self.changed.wait_for(
                lambda: not self.is_open(job_id), float(wait[1]) if wait and self.honours_wait else 0.0
            )
            return Answer(200, self._view(job_id))

    def _look(self, job_id: str, *, looks: int) -> None:
        self.looks[job_id] = looks
        if looks >= self.looks_to_finish and self.is_open(job_id):
            self.finish(job_id)

    def _view(self, job_id: str) -> Body:
        hidden = {"prompt"} if self.inline_results else {"prompt", "result"}
        return {name: value for name, value in self.jobs[job_id].items() if name not in hidden}

    def _list(self, request: Request) -> Answer:
        query = request.query
        wanted = {name.removeprefix("metadata."): value for name, value in query.items() if "metadata." in name}
        found = [
            self._view(job_id)
            for job_id, job in reversed(self.jobs.items())
            if query.get("status") in {None, job["status"]} and wanted.items() <= job["metadata"].items()
        ]
        begin, limit = int(query.get("cursor", 0)), int(query["limit"])
        more = len(found) > begin + limit
        page = {"object": "list", "data": found[begin : begin + limit], "has_more": more}
        return Answer(200, page | {"next_cursor": str(begin + limit) if more else None})

    def _models(self, _request: Request) -> Answer:
        return Answer(200, {"object": "list", "data": [MODEL]})


def _refusal(body: Body) -> Answer | None:
    if body.get("model") not in {None, "shakespeare"}:
        return problem(404, "model-not-found", f"there is no model {body['model']}")
    errors = [{"field": name, "message": "is not known"} for name in set(body) - FIELDS]
    if "refuse" in _prompt(body):
        errors.append({"field": "input.prompt", "message": "is longer than the context"})
    if body.get("params", {}).get("top_p", 1) > 1:
        errors.append({"field": "params.top_p", "message": "must be at most 1"})
    return problem(422, "invalid-request", "the request is not valid", errors=errors) if errors else None


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
        "usage": {},
        "metadata": body.get("metadata", {}),
        "prompt": _prompt(body),
    }

"""What operators ask of the job API: dead letters, another try, cancels of many, modes of models."""

from __future__ import annotations

import re
from typing import Any

from tests.scripts.job_api import TOKEN, Answer, Body, JobApi, Request, problem

MODES = {"pause": "paused", "resume": "running", "drain": "draining"}
PAGE = 2
"""How many jobs one call to cancel looks at: few, so that every test follows the cursor."""


class OperatedApi(JobApi):
    """A job that failed is a dead letter until it is requeued; one that runs goes on after a cancel of many."""

    def __init__(self, looks_to_finish: float = float("inf")) -> None:
        super().__init__(looks_to_finish)
        self.modes: dict[str, str] = {"shakespeare": "running", "org/echo": "running"}
        self.loads: dict[str, list[dict[str, Any]]] = {}

    def start(self, job_id: str) -> None:
        """Make a job run."""
        with self.changed:
            self.jobs[job_id] |= {"status": "running"}

    def forget(self, job_id: str) -> None:
        """Erase a job and its key, as when its retention has ended."""
        with self.changed:
            del self.jobs[job_id]
            self.keys = {key: value for key, value in self.keys.items() if value[1] != job_id}

    def answer(self, request: Request) -> Answer:
        if request.headers.get("authorization") == f"Bearer {TOKEN}":
            if request.path in {"/v1/dead-letters", "/v1/jobs/cancel", "/v1/queue"}:
                return self._of_many(request)
            if match := re.fullmatch(r"/v1/jobs/([^/]+)/requeue", request.path):
                return self._requeue(match[1])
            if match := re.fullmatch(r"/v1/models/(.+)/(pause|resume|drain)", request.path):
                return self._change_mode(match[1], MODES[match[2]])
        return super().answer(request)

    def _of_many(self, request: Request) -> Answer:
        if request.path == "/v1/queue":
            names = [request.query["model"]] if "model" in request.query else list(self.modes)
            return Answer(200, {"object": "list", "data": [self._queue(name) for name in names]})
        if request.path == "/v1/dead-letters":
            return self._dead_letters(request)
        return self._cancel_matching(request.body)

    def _dead_letters(self, request: Request) -> Answer:
        model = request.query.get("model")
        dead = [job_id for job_id, job in reversed(self.jobs.items()) if _is_dead(job, model)]
        before = request.query.get("cursor")
        dead = [job_id for job_id in dead if before is None or job_id < before]
        limit = min(int(request.query["limit"]), PAGE)
        more = len(dead) > limit
        data = [self._view(job_id) for job_id in dead[:limit]]
        return Answer(
            200, {"object": "list", "data": data, "has_more": more, "next_cursor": data[-1]["id"] if more else None}
        )

    def _requeue(self, job_id: str) -> Answer:
        with self.changed:
            if (old := self.jobs.get(job_id)) is None:
                return problem(404, "job-not-found", f"there is no job {job_id}")
            if old["status"] not in {"failed", "cancelled", "expired"}:
                kind = "job-succeeded" if old["status"] == "succeeded" else "job-not-final"
                return problem(409, kind, f"job {job_id} is {old['status']}")
            if self.modes[old["model"]] == "draining":
                return problem(503, "model-draining", f"{old['model']} is draining", retryable=False)
            if (new_id := old.get("requeued_as")) is not None:
                return Answer(200, self._view(new_id), {"Idempotency-Replayed": "true"})
            new_id = f"job_{len(self.jobs) + 1:06d}"
            dropped = {"error", "finished_at", "requeued_as"}
            new = {name: value for name, value in old.items() if name not in dropped}
            self.jobs[new_id] = new | {"id": new_id, "status": "queued", "requeued_from": job_id}
            self.jobs[job_id] = old | {"requeued_as": new_id}
            self._look(new_id, looks=0)
            self.changed.notify_all()
        return Answer(202, self._view(new_id), {"Location": f"/v1/jobs/{new_id}"})

    def _cancel_matching(self, body: Body) -> Answer:
        if not body.get("metadata"):
            errors = [{"field": "metadata", "message": "at least one pair is needed"}]
            return problem(422, "invalid-request", "the request is not valid", errors=errors)
        ids = sorted(self.jobs, reverse=True)
        begin = int(body.get("cursor", 0))
        cancelled, requested = [], []
        for job_id in ids[begin : begin + PAGE]:
            job = self.jobs[job_id]
            if not self.is_open(job_id) or not _matches(job, body):
                continue
            if job["status"] == "running":
                requested.append(job_id)
            else:
                self.finish(job_id, "cancelled")
                cancelled.append(job_id)
        more = len(ids) > begin + PAGE
        found = {"object": "cancellation", "cancelled": cancelled, "requested": requested}
        return Answer(200, {**found, "has_more": more, "next_cursor": str(begin + PAGE) if more else None})

    def _change_mode(self, model: str, mode: str) -> Answer:
        if model not in self.modes:
            return problem(404, "model-not-found", f"there is no model {model}")
        self.modes[model] = mode
        return Answer(200, self._queue(model))

    def _queue(self, model: str) -> Body:
        """What stands first in *loads* is told once, the last for ever."""
        loads = self.loads.get(model) or [{}]
        load = loads.pop(0) if len(loads) > 1 else loads[0]
        entry = {
            "object": "queue",
            "model": model,
            "depth": 0,
            "dispatched": 0,
            "running": 0,
            "workers": 1,
            "slots": 32,
        }
        since = {} if self.modes[model] == "running" else {"mode_since": "2026-11-22T21:00:00.250Z"}
        return {**entry, **load, "mode": self.modes[model], **since}


def _is_dead(job: Body, model: str | None) -> bool:
    return job["status"] == "failed" and "requeued_as" not in job and model in {None, job["model"]}


def _matches(job: Body, wanted: Body) -> bool:
    same = all(wanted.get(name, job[name]) == job[name] for name in ("model", "status"))
    return same and bool(wanted["metadata"].items() <= job["metadata"].items())

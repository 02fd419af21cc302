"""What a client knows and no schema can say; schemathesis loads this and asks for each call that is meant to succeed.

A key belongs to one request, a cursor comes out of an earlier answer, time goes on, only some hosts are public, and
only some models embed. Calls that are meant to be refused are left as they are.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import schemathesis
from redis import Redis

from jobs.files.file import NewFile, Purpose, new_file_id
from jobs.files.store import FileStore

RECEIVER = "FRONTIER_CONTRACT_RECEIVER"
"""The variable with the URL at which webhooks are answered."""

REDIS = "FRONTIER_CONTRACT_REDIS"
"""The variable with the URL of the store."""

TENANTS = ("alice", "bob")

Members = dict[str, Any]

_KEY = "Idempotency-Key"
_CURSORS = {"GET /v1/jobs": "Yjk5", "POST /v1/jobs/cancel": "Yjk5", "GET /v1/dead-letters": "ZDk5LmpvYg"}
_SUBMITS = {
    f"POST /v1/{path}" for path in ("jobs", "infer", "responses", "embeddings", "completions", "chat/completions")
}
_LEAST_SECONDS = 60


@schemathesis.hook
def before_call(_context: Any, case: Any, _options: Any) -> None:
    """Make of a call that fits its schemas one that a client would make."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if _KEY in (case.headers or {}):
        case.headers[_KEY] = uuid4().hex
    label = f"{case.method} {case.path}"
    if isinstance(case.query, dict):
        _ask(case.query, label)
    if isinstance(case.body, dict):
        case.body = _rounded(case.body)
        _submit(case.body, label)


def _ask(query: Members, label: str) -> None:
    if "cursor" in query:
        query["cursor"] = _CURSORS.get(label, query["cursor"])
    if label in {
        "GET /v1/files",
        "GET /v1/batches",
        "GET /v1/webhook_endpoints",
        "GET /v1/deliveries",
        "GET /v1/admin/keys",
    }:
        query.pop("after", None)
    if label == "GET /v1/usage":
        _ask_for_usage(query)
    if query.get("stream") not in {True, "true"}:
        query.pop("starting_after", None)


def _ask_for_usage(query: Members) -> None:
    _change(query, "from", lambda _: "2026-11-01")
    _change(query, "to", lambda _: "2026-11-20")
    _change(query, "group_by", lambda names: ",".join(dict.fromkeys(names.split(","))))


def _rounded(value: Any) -> Any:
    """The same without integers that JSON can hold and many readers of it cannot."""
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return value % 2**53 if isinstance(value, int) and not isinstance(value, bool) else value


def _parts(turns: Any) -> list[Members]:
    """Those of all messages, whose log probabilities may be anything, also what no JSON of ours may hold."""
    contents = [turn.get("content") for turn in turns if isinstance(turn, dict)] if isinstance(turns, list) else []
    return [part for content in contents if isinstance(content, list) for part in content]


def _name(key: str) -> str:
    """The key of a pair of metadata; schemathesis does not heed `propertyNames`."""
    return key.replace("\0", "")[:64] or "key"


def _submit(body: Members, label: str) -> None:
    _change(body, "url", lambda _: f"{os.environ[RECEIVER]}/{uuid4().hex}")
    if isinstance(body.get("webhook"), dict):
        _submit(body["webhook"], label)
    _change(body, "metadata", lambda pairs: {_name(key): value for key, value in pairs.items()})
    _change(body, "events", lambda names: list({name.rpartition(".")[2]: name for name in names}.values()))
    _change(body, "deadline", lambda _: (datetime.now(UTC) + timedelta(days=1)).isoformat())
    for name in ("start_within_s", "timeout_s", "retention_s"):
        _change(body, name, lambda seconds: max(seconds, _LEAST_SECONDS))
    _change(body, "cursor", lambda cursor: _CURSORS.get(label, cursor))
    _change(body, "input_file_id", lambda _: _input())
    body.pop("previous_response_id", None)
    if {"after", "before"} <= body.keys():
        body |= {"after": "2026-01-01T00:00:00Z", "before": "2026-01-02T00:00:00Z"}
    if "model" in body and label in _SUBMITS:
        body["model"] = "shakespeare"
    for turns in (body.get("messages"), body.get("input")):
        if isinstance(turns, list) and turns and isinstance(turns[-1], dict):
            turns[-1]["content"] = turns[-1]["content"] or "Who knocks?"
    for part in _parts(body.get("input")):
        part.pop("logprobs", None)
    if label == "POST /v1/infer" and isinstance(body.get("params"), dict):
        body["params"] = {name: value for name, value in body["params"].items() if name not in body}
    if label == "POST /v1/embeddings" or (label == "POST /v1/jobs" and "texts" in body.get("input", {})):
        body["model"] = "vectors"


def _input() -> str:
    """A new file that every caller has under the same id, since nothing says here who calls."""
    file_id = new_file_id()
    with Redis.from_url(os.environ[REDIS]) as client:
        files = FileStore(client)
        for tenant in TENANTS:
            files.expect(tenant, file_id, within_seconds=600)
            files.add(NewFile(id=file_id, tenant=tenant, filename="in.jsonl", purpose=Purpose.BATCH, bytes=0))
    return file_id


def _change(body: Members, name: str, change: Callable[[Any], Any]) -> None:
    if body.get(name) is not None:
        body[name] = change(body[name])

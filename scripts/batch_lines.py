"""Prompts as lines of a batch, and what became of such lines as outcomes of a bulk run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from scripts.bulk_input import Line
from scripts.bulk_outcome import FAILED, SUCCEEDED, Outcome
from scripts.generation import Generation

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
_STATUSES = {"batch_cancelled": "cancelled", "batch_expired": "expired"}


def endpoint_of(generation: Generation) -> str:
    return CHAT if generation.chat else COMPLETIONS


def input_line(line: Line, generation: Generation, model: str) -> bytes:
    """The line of the batch's input; its `custom_id` is the number of the line."""
    job = generation.body(line.prompt)
    asked: dict[str, Any] = {"model": model, **job["input"], **job.get("params", {})}
    if "cache" in job:
        asked["cache"] = job["cache"]
    told = {"custom_id": str(line.number), "method": "POST", "url": endpoint_of(generation), "body": asked}
    return json.dumps(told, ensure_ascii=True).encode() + b"\n"


def outcome_of(raw: bytes) -> Outcome:
    """What a line of the output, or of the errors, says of the line that it names."""
    told: Mapping[str, Any] = json.loads(raw)
    line, error = int(told["custom_id"]), _error(told)
    if error is not None:
        problem = {"type": str(error.get("code") or ""), "title": str(error.get("message") or "")}
        status = _STATUSES.get(problem["type"], FAILED)
        return Outcome(line=line, status=status, id=told.get("id"), error=problem)
    body = told["response"]["body"]
    choice, usage = body["choices"][0], body.get("usage") or {}
    text = choice["message"]["content"] if "message" in choice else choice["text"]
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
    counts = {
        "prompt_tokens": usage.get("prompt_tokens", 0),
        "cached_tokens": cached,
        "completion_tokens": usage.get("completion_tokens", 0),
    }
    return Outcome(
        line=line, status=SUCCEEDED, id=told.get("id"), text=text, finish_reason=choice["finish_reason"], usage=counts
    )


def _error(told: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Why there is no result: of a line that was run the body of the response says it, of others the line itself."""
    response = told.get("response")
    if response is None:
        return told.get("error") or {}
    if int(response["status_code"]) < HTTPStatus.BAD_REQUEST:
        return None
    error: Mapping[str, Any] = response["body"].get("error") or {}
    return error

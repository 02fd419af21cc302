"""A response as OpenAI's clients see it: the object that a job of `/v1/responses` is to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api.response_asked import asked_of
from jobs.job import Job, JobState
from jobs.request import Candidate, TokenLogprobs

Logprobs = Sequence[TokenLogprobs | None]

_LEAST_LOGPROB = -9999.0
"""What OpenAI tells of a token that could not be; minus infinity is no JSON."""

_EXPIRED = "The deadline passed before the response was complete."


def response_document(job: Job, logprobs: Logprobs = ()) -> dict[str, Any]:
    """The response object; `logprobs` are those of all its tokens, where they are to be told."""
    asked = asked_of(job)
    status = response_status(job)
    return {
        "id": job.id,
        "object": "response",
        "created_at": int(job.created_at),
        "completed_at": int(job.finished_at) if status == "completed" and job.finished_at is not None else None,
        "status": status,
        "background": asked.background,
        "store": asked.store,
        "error": _error(job),
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "instructions": asked.instructions,
        "max_output_tokens": asked.max_output_tokens,
        "max_tool_calls": None,
        "metadata": dict(job.metadata),
        "model": job.request.model,
        "output": output_items(job, logprobs),
        "parallel_tool_calls": asked.parallel_tool_calls,
        "previous_response_id": asked.previous_response_id,
        "prompt_cache_key": asked.prompt_cache_key,
        "reasoning": {"effort": None, "summary": None},
        "safety_identifier": asked.safety_identifier,
        "service_tier": "default",
        "temperature": job.request.params.temperature,
        "text": {"format": {"type": "text"}},
        "tool_choice": asked.tool_choice,
        "tools": [],
        "top_logprobs": job.request.params.logprobs or 0,
        "top_p": job.request.params.top_p,
        "truncation": "disabled",
        "usage": _usage(job) if job.is_final else None,
        "user": asked.user,
    }


def response_status(job: Job) -> str:
    """OpenAI's word for where the job stands."""
    match job.state:
        case JobState.SUCCEEDED:
            return "incomplete" if job.finish_reason == "length" else "completed"
        case JobState.RUNNING:
            return "in_progress"
        case JobState.EXPIRED:
            return "failed"
        case _:
            return job.state.value


def message_id(job: Job) -> str:
    """The name of the one message of a response."""
    return "msg_" + job.id.partition("_")[2]


def output_items(job: Job, logprobs: Logprobs = ()) -> list[dict[str, Any]]:
    """The message of a final job: whole, or as far as it came; none where there was no token."""
    if not job.is_final or (job.text is None and job.state is not JobState.SUCCEEDED):
        return []
    status = "completed" if response_status(job) == "completed" else "incomplete"
    return [message_item(job, status, [text_part(job.text or "", logprobs)])]


def message_item(job: Job, status: str, content: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """An item of `output`."""
    return {
        "id": message_id(job),
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": list(content),
    }


def text_part(text: str, logprobs: Logprobs = ()) -> dict[str, Any]:
    """A part of a message's content."""
    told = [
        {
            **_candidate(one.chosen),
            "bytes": list(one.chosen.text.encode()),
            "top_logprobs": [_candidate(other) | {"bytes": list(other.text.encode())} for other in one.top],
        }
        for one in logprobs
        if one is not None
    ]
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": told}


def event_logprobs(logprobs: Logprobs) -> list[dict[str, Any]]:
    """The same as events of a stream tell them."""
    return [
        _candidate(one.chosen) | {"top_logprobs": [_candidate(other) for other in one.top]}
        for one in logprobs
        if one is not None
    ]


def _candidate(candidate: Candidate) -> dict[str, Any]:
    return {"token": candidate.text, "logprob": max(candidate.logprob, _LEAST_LOGPROB)}


def _error(job: Job) -> dict[str, str] | None:
    """OpenAI's list of codes is closed; the job's own code is told in front of the message."""
    if job.state is JobState.EXPIRED:
        return {"code": "server_error", "message": job.error.message if job.error else _EXPIRED}
    if job.state is not JobState.FAILED:
        return None
    if job.error is None:
        return {"code": "server_error", "message": "The response failed."}
    code = "invalid_prompt" if job.error.field else "server_error"
    return {"code": code, "message": f"{job.error.code}: {job.error.message}"}


def _usage(job: Job) -> dict[str, Any]:
    used = job.usage
    return {
        "input_tokens": used.prompt_tokens,
        "input_tokens_details": {"cached_tokens": min(used.cached_tokens, used.prompt_tokens), "cache_write_tokens": 0},
        "output_tokens": used.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": used.prompt_tokens + used.completion_tokens,
    }

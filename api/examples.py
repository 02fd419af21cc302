"""What the documentation shows: real documents of made-up jobs, so that they cannot drift from the code."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Any

from api.cache_document import cache_document
from api.infer_document import infer_document
from api.job_document import job_document, result_document
from api.pages import cursor_of, death_cursor_of, page_document
from jobs.job import AttemptError, Job, JobState, Timing, Usage
from jobs.queues import QueuePlace
from jobs.request import InferenceRequest, Message, RequestType, SamplingParams
from resilience.result_cache.settings import CacheSettings
from resilience.result_cache.totals import CacheStatistics, CacheTotals

_ACCEPTED_AT = 1_795_384_800.0

QUEUED = Job(
    id="job_4fZ8kQm2xLw9RtYb7NcVd1",
    tenant="default",
    request=InferenceRequest(
        model="shakespeare",
        type=RequestType.CHAT_COMPLETION,
        messages=(Message("user", "Who knocks?"),),
        params=SamplingParams(max_tokens=64, temperature=0.7, seed=11),
    ),
    state=JobState.QUEUED,
    version=1,
    sequence=42,
    created_at=_ACCEPTED_AT,
    deadline_at=_ACCEPTED_AT + 86_400,
    timeout_seconds=600,
    retention_seconds=86_400,
    max_attempts=3,
    metadata={"order": "42"},
)

SUCCEEDED = replace(
    QUEUED,
    state=JobState.SUCCEEDED,
    version=4,
    started_at=_ACCEPTED_AT + 0.812,
    finished_at=_ACCEPTED_AT + 1.955,
    expires_at=_ACCEPTED_AT + 86_401.955,
    attempt=1,
    text="A friend, my lord, that would not have thee wait.",
    finish_reason="stop",
    usage=Usage(prompt_tokens=14, completion_tokens=17, engine_seconds=1.102),
    timing=Timing(ttft_seconds=0.061, tpot_seconds=0.065, attempt_seconds=1.143),
)

FAILED = replace(
    SUCCEEDED,
    id="job_7Hc2vTq9LmX4sKd8WzRb3J",
    state=JobState.FAILED,
    attempt=3,
    text=None,
    finish_reason=None,
    error=AttemptError(code="engine_error", message="The engine failed."),
    usage=Usage(),
    timing=Timing(attempt_seconds=0.214),
)

QUEUED_JOB = job_document(QUEUED, QueuePlace(position=3, tokens_ahead=912, eta_seconds=4.2))
FINAL_JOB = job_document(SUCCEEDED)
RESULT = result_document(SUCCEEDED)
INFERENCE = infer_document(SUCCEEDED)
JOB_PAGE = page_document([SUCCEEDED], cursor_of(42))
DEAD_LETTERS = page_document([FAILED], death_cursor_of((1_795_384_801_955, FAILED.id)))
REQUEUED_JOB = job_document(replace(QUEUED, requeued_from=FAILED.id))
MASS_CANCEL = {"metadata": {"order": "42"}, "status": "queued"}
CANCELLATION = {
    "object": "cancellation",
    "cancelled": [QUEUED.id],
    "requested": [],
    "has_more": False,
    "next_cursor": None,
}

SUBMISSIONS = {
    "chat": {
        "summary": "A conversation",
        "value": {
            "model": "shakespeare",
            "input": {"messages": [{"role": "user", "content": "Who knocks?"}]},
            "params": {"max_tokens": 64, "temperature": 0.7},
            "metadata": {"order": "42"},
        },
    },
    "prompt": {"summary": "A text to go on from", "value": {"input": {"prompt": "To be, or not"}}},
}
INFER_REQUEST = {"model": "shakespeare", "prompt": "To be, or not", "max_tokens": 64}
QUEUES: dict[str, Any] = {
    "object": "list",
    "data": [
        {
            "object": "queue",
            "model": "shakespeare",
            "mode": "running",
            "circuit": "closed",
            "depth": 12,
            "delayed": 2,
            "dispatched": 4,
            "running": 32,
            "workers": 1,
            "slots": 32,
            "oldest_age_s": 3.1,
            "tokens_ahead": 2840,
            "eta_s": 5.6,
            "pace": {"job_s": 2.1, "tokens": 236.0},
            "share": {"waiting": 12, "ratio": 1.0},
            "limit": {"all": 250_000, "yours": 125_000},
            "classes": {
                "interactive": {"waiting": 0, "tokens": 0, "position": 1, "tokens_ahead": 236, "eta_s": 2.2},
                "standard": {"waiting": 12, "tokens": 2840, "position": 12, "tokens_ahead": 2840, "eta_s": 5.6},
                "batch": {"waiting": 0, "tokens": 0, "position": 5, "tokens_ahead": 1183, "eta_s": 3.4},
            },
        }
    ],
}
MODEL = {
    "id": "shakespeare",
    "object": "model",
    "created": 1795300000,
    "owned_by": "frontier",
    "max_tokens": 1024,
    "max_prompt_chars": 32000,
}
ALIAS = MODEL | {"id": "gpt-4o", "alias_of": "shakespeare"}
MODELS = {"object": "list", "data": [MODEL, ALIAS]}
HEALTH = {
    "status": "ok",
    "redis": "ok",
    "models": {"shakespeare": {"workers": 1, "slots": 32, "waiting": 12, "running": 32, "circuit": "closed"}},
}
READINESS = {"ready": True, "redis": "ok", "models": {"shakespeare": True}}

POLLING_HEADERS = {
    "Location": {"description": "The job", "schema": {"type": "string"}},
    "Retry-After": {
        "description": "Seconds after which to ask again, while the job is not final",
        "schema": {"type": "integer", "minimum": 1, "maximum": 120},
    },
    "ETag": {"description": "The version of the job", "schema": {"type": "string"}},
    "Preference-Applied": {"description": "What of `Prefer` was honoured", "schema": {"type": "string"}},
}

JOB_REFUSALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE)
BODY_REFUSALS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)

CACHE = cache_document(
    CacheSettings(),
    CacheStatistics(
        shared=CacheTotals(entries=412, bytes=1_204_224, hits=2310, misses=977, stores=640, evictions=0),
        process=CacheTotals(entries=87, bytes=254_012, hits=1188, misses=490),
        asker_hits=204,
        asker_misses=31,
    ),
    with_totals=True,
)

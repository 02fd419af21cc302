"""A job as clients see it."""

from __future__ import annotations

import json
from typing import Any

from api.embedding_document import embeddings_of
from api.ended_jobs import problem_of_job
from api.fields import iso
from api.job_webhook_document import webhook_document
from jobs.job import Job, JobState
from jobs.queues import QueuePlace
from jobs.request import RequestType

INLINE_BYTES = 64 * 1024

_LONGEST_VECTORS = INLINE_BYTES // 3 * 4
"""Characters of base64 above which vectors are too long as numbers as well: 4 bytes of a vector are no fewer there."""


def job_document(job: Job, place: QueuePlace | None = None, *, with_result: bool = True) -> dict[str, Any]:
    """The job object; what is not known yet, or no longer true, is left out.

    `place` is where a queued job stands. A result above 64 KiB is linked instead of included, and so
    is every result without `with_result`.
    """
    address = f"/v1/jobs/{job.id}"
    body: dict[str, Any] = {
        "id": job.id,
        "object": "job",
        "type": job.request.type.value,
        "model": job.request.model,
        "priority": job.priority.value,
        "status": job.state.value,
        "version": job.version,
        "created_at": iso(job.created_at),
        "started_at": _iso(job.started_at),
        "finished_at": _iso(job.finished_at),
        "expires_at": _iso(job.expires_at),
        "cancel_requested_at": _iso(job.cancel_requested_at),
        "not_before": None if job.is_final else _iso(job.not_before),
        "requeued_from": job.requeued_from,
        "requeued_as": job.requeued_as,
        "follows": job.follows,
        "batch_id": job.batch_id,
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "queue": _queue(place) if place and job.state is JobState.QUEUED else None,
        "progress": _progress(job),
        "timing": timing_document(job),
        "usage": usage_document(job),
        "cached": True if job.is_cached else None,
        "webhook": webhook_document(job),
    }
    if job.state is JobState.SUCCEEDED:
        if with_result and _is_short(job):
            body["result"] = _result(job)
        else:
            body["result_url"] = f"{address}/result"
    elif job.is_final:
        if with_result and job.text and _is_short(job):
            body["result"] = _result(job)
        body["error"] = problem_of_job(job)
    body["metadata"] = dict(job.metadata)
    body["links"] = {
        "self": address,
        "result": f"{address}/result",
        "events": f"{address}/events",
        "cancel": f"{address}/cancel",
        "deliveries": f"{address}/deliveries",
    }
    return _without_none(body)


def result_document(job: Job) -> dict[str, Any]:
    """The result of a job that has succeeded."""
    return _result(job) | {"usage": usage_document(job)}


def timing_document(job: Job) -> dict[str, float]:
    """How long the job took: its wait and its whole life, and the last attempt's own measurements."""
    return _without_none(
        {
            "queue_wait_s": _between(job.created_at, job.started_at),
            "ttft_s": job.timing.ttft_seconds,
            "tpot_s": job.timing.tpot_seconds,
            "attempt_s": job.timing.attempt_seconds,
            "time_to_result_s": _between(job.created_at, job.finished_at),
        }
    )


def usage_document(job: Job) -> dict[str, Any]:
    """What the job has consumed."""
    return {
        "prompt_tokens": job.usage.prompt_tokens,
        "cached_tokens": job.usage.cached_tokens,
        "completion_tokens": job.usage.completion_tokens,
        "wasted_tokens": job.usage.wasted_tokens,
        "engine_seconds": job.usage.engine_seconds,
    }


def rounded(seconds: float | None) -> float | None:
    """To the millisecond: what is measured or estimated is no more exact."""
    return None if seconds is None else round(seconds, 3)


def _progress(job: Job) -> dict[str, int] | None:
    if job.request.type is RequestType.EMBEDDING:
        return None
    return {
        "completion_tokens": job.usage.completion_tokens if job.is_final else job.emitted_tokens,
        "max_tokens": job.request.params.max_tokens,
    }


def _result(job: Job) -> dict[str, Any]:
    if job.request.type is RequestType.EMBEDDING:
        return {"embeddings": embeddings_of(job)}
    return {"text": job.text or "", "finish_reason": job.finish_reason}


def _is_short(job: Job) -> bool:
    if sum(map(len, job.vectors)) > _LONGEST_VECTORS:
        return False
    told = json.dumps(embeddings_of(job)) if job.vectors else job.text or ""
    return len(told.encode()) <= INLINE_BYTES


def _queue(place: QueuePlace) -> dict[str, Any]:
    return {"position": place.position, "tokens_ahead": place.tokens_ahead, "eta_s": rounded(place.eta_seconds)}


def _iso(instant: float | None) -> str | None:
    return None if instant is None else iso(instant)


def _between(begin: float, end: float | None) -> float | None:
    return None if end is None else round(max(0.0, end - begin), 3)


def _without_none(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}

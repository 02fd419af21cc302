"""`/v1/infer`: one prompt, one answer, over the same queue as every job."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Any

from flask import Response, request

from api import examples, stream_examples
from api.asked_job import Submission
from api.auth import caller
from api.blueprint import Blueprint
from api.cache_status import cache_status
from api.errors import JobEndedWithoutResult
from api.idempotency import HEADER, REPLAYED, parse_idempotency_key
from api.infer_document import InferenceSchema, infer_document
from api.infer_schema import Inference, InferSchema
from api.job_requests import preference, with_headers
from api.job_schema import JobSchema
from api.job_streams import JobStreams
from api.job_views import describe
from api.parameters import IDEMPOTENCY_KEY, PREFER, TRACEPARENT
from api.preferences import MAX_WAIT_SECONDS
from api.rate_class import RateClass
from api.request_trace import request_trace
from api.sse import EVENT_SCHEMA
from api.submission import Submissions, Submitted
from api.waiting import Waiting
from jobs.access.api_key import Scope
from jobs.job import JobState
from jobs.store import JobStore


def infer_blueprint(
    *, submissions: Submissions, store: JobStore, waiting: Waiting, job_streams: JobStreams
) -> Blueprint:
    """The short way from a prompt to its completion."""
    blueprint = Blueprint("infer", __name__, url_prefix="/v1/infer", description="One prompt, one answer")

    @blueprint.view(
        "POST",
        "",
        scope=Scope.JOBS_WRITE,
        rate=RateClass.SUBMIT,
        operationId="infer",
        parameters=[IDEMPOTENCY_KEY, PREFER, TRACEPARENT],
    )
    @blueprint.takes(InferSchema, example=examples.INFER_REQUEST)
    @blueprint.answers(HTTPStatus.OK, InferenceSchema, example=examples.INFERENCE)
    @blueprint.also_answers(
        HTTPStatus.OK,
        EVENT_SCHEMA,
        description="Events, as they come, if `stream` is true",
        content_type="text/event-stream",
        examples=stream_examples.STREAMS,
    )
    @blueprint.also_answers(
        HTTPStatus.ACCEPTED,
        JobSchema,
        example=examples.QUEUED_JOB,
        headers=examples.POLLING_HEADERS,
        description="Time ran out: the job goes on, follow it at `Location`",
    )
    @blueprint.refuses(
        *examples.BODY_REFUSALS,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.GATEWAY_TIMEOUT,
    )
    def infer(asked: Inference) -> Any:
        """Complete a prompt.

        Waits for the completion, up to a minute or as long as `Prefer: wait=N` says. With `stream` it answers at once,
        with the events of `GET /v1/jobs/{id}/events`, and does not look at `Prefer`.
        """
        if asked.is_streamed:
            return stream(asked)
        preferred = preference()
        submitted = submit(asked.submission)
        seconds = preferred.wait_seconds
        if seconds is None:
            seconds = 0 if preferred.is_async else MAX_WAIT_SECONDS
        job = waiting.follow(submitted, tenant=caller().tenant, seconds=seconds)
        headers = {"Location": f"/v1/jobs/{job.id}"} | preferred.applied() | cache_status(submitted)
        if submitted.replayed:
            headers |= REPLAYED
        if not job.is_final:
            body, polling = describe(store, job, submissions.gate)
            return with_headers(body, HTTPStatus.ACCEPTED, headers | polling)
        if job.state is not JobState.SUCCEEDED:
            raise JobEndedWithoutResult(job)
        return infer_document(job), HTTPStatus.OK, headers

    def stream(asked: Inference) -> Response:
        with job_streams.place() as place:
            submitted = submit(asked.submission)
            headers = {"Location": f"/v1/jobs/{submitted.job_id}"} | (REPLAYED if submitted.replayed else {})
            headers |= cache_status(submitted)
            cancel = partial(store.cancel, caller().tenant, submitted.job_id) if asked.cancels_on_disconnect else None
            return job_streams.respond(submitted.job_id, place=place, headers=headers, on_gone=cancel)

    def submit(submission: Submission) -> Submitted:
        key = parse_idempotency_key(request.headers.get(HEADER))
        trace = request_trace()
        return submissions.submit(
            submission,
            tenant=caller().tenant,
            key_id=caller().key_id,
            idempotency_key=key,
            traceparent=trace.traceparent,
            is_traced=trace.is_traced,
        )

    return blueprint

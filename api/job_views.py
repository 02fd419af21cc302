"""`/v1/jobs/{id}`: look, wait, fetch the result, cancel, requeue, erase."""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from flask import Response, request

from api import examples
from api.auth import caller
from api.blueprint import Blueprint
from api.errors import JobEndedWithoutResult
from api.idempotency import REPLAYED
from api.job_document import job_document, result_document
from api.job_requests import checked_id, entity_tag, has_current, not_modified, preference, retry_after, with_headers
from api.job_schema import FullResultSchema, JobSchema
from api.model_gate import ModelGate
from api.parameters import IF_NONE_MATCH, PREFER
from api.rate_class import RateClass
from api.requeues import Requeues
from api.waiting import Waiting, is_final
from jobs.access.api_key import Scope
from jobs.errors import StoreUnavailable
from jobs.job import Job, JobState
from jobs.store import JobStore

Answer = tuple[dict[str, Any], HTTPStatus, dict[str, str]]


def add_job_views(
    blueprint: Blueprint,
    *,
    store: JobStore,
    waiting: Waiting,
    requeues: Requeues,
    erase: Callable[[str, str], object],
) -> None:
    """Add the views of a single job; `erase` is given its tenant and its id."""

    @blueprint.view("GET", "/<job_id>", scope=Scope.JOBS_READ, operationId="getJob", parameters=[PREFER, IF_NONE_MATCH])
    @blueprint.answers(HTTPStatus.OK, JobSchema, example=examples.FINAL_JOB, headers=examples.POLLING_HEADERS)
    @blueprint.also_answers(HTTPStatus.NOT_MODIFIED, description="The version named in If-None-Match still stands")
    @blueprint.refuses(*examples.JOB_REFUSALS, HTTPStatus.GONE)
    def get(job_id: str) -> Answer | Response:
        """Look at a job.

        With `Prefer: wait=N` the answer comes when the job is final, at the latest after N seconds; together
        with `If-None-Match` it comes as soon as the version is another one.
        """
        preferred = preference()
        is_enough = _differs if request.if_none_match else is_final
        seconds = preferred.wait_seconds or 0
        job = waiting.find(caller().tenant, checked_id(job_id), seconds=seconds, is_enough=is_enough)
        if has_current(job):
            return not_modified(job, retry_after(job, None, now=time.time()) | preferred.applied())
        body, headers = describe(store, job, requeues.gate)
        return body, HTTPStatus.OK, headers | preferred.applied()

    @blueprint.view("GET", "/<job_id>/result", scope=Scope.JOBS_READ, operationId="getJobResult", parameters=[PREFER])
    @blueprint.answers(HTTPStatus.OK, FullResultSchema, example=examples.RESULT)
    @blueprint.also_answers(
        HTTPStatus.ACCEPTED, JobSchema, example=examples.QUEUED_JOB, description="Not final yet: the job itself"
    )
    @blueprint.refuses(
        *examples.JOB_REFUSALS,
        HTTPStatus.CONFLICT,
        HTTPStatus.GONE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.GATEWAY_TIMEOUT,
    )
    def result(job_id: str) -> Answer | Response:
        """Fetch the result.

        For a job without one the problem says why: 409 it was cancelled, 422 the model refused it, 500 it failed,
        504 it ran out of time. None of these will change, so they carry `x-should-retry: false`.
        """
        preferred = preference()
        job = waiting.find(caller().tenant, checked_id(job_id), seconds=preferred.wait_seconds or 0, is_enough=is_final)
        if not job.is_final:
            body, headers = describe(store, job, requeues.gate)
            # A Response: what goes through the schema of the ordinary answer keeps only its members.
            return with_headers(body, HTTPStatus.ACCEPTED, headers | preferred.applied())
        if job.state is not JobState.SUCCEEDED:
            raise JobEndedWithoutResult(job)
        return result_document(job), HTTPStatus.OK, {"ETag": entity_tag(job)} | preferred.applied()

    @blueprint.view("POST", "/<job_id>/cancel", scope=Scope.JOBS_WRITE, operationId="cancelJob")
    @blueprint.answers(HTTPStatus.OK, JobSchema, description="It is final", example=examples.FINAL_JOB)
    @blueprint.also_answers(HTTPStatus.ACCEPTED, JobSchema, description="It runs and has been asked to stop")
    @blueprint.refuses(*examples.JOB_REFUSALS, HTTPStatus.GONE)
    def cancel(job_id: str) -> Answer:
        """Cancel a job.

        A queued job ends at once, a running one within a step of its model; a final one stays as it is.
        """
        job = store.cancel(caller().tenant, checked_id(job_id))
        body, headers = describe(store, job, requeues.gate)
        return body, HTTPStatus.OK if job.is_final else HTTPStatus.ACCEPTED, headers

    @blueprint.view(
        "POST", "/<job_id>/requeue", scope=Scope.JOBS_WRITE, rate=RateClass.SUBMIT, operationId="requeueJob"
    )
    @blueprint.answers(
        HTTPStatus.ACCEPTED,
        JobSchema,
        description="The new job",
        example=examples.REQUEUED_JOB,
        headers=examples.POLLING_HEADERS,
    )
    @blueprint.also_answers(HTTPStatus.OK, JobSchema, description="An earlier requeue has made it, and it is final")
    @blueprint.refuses(*examples.JOB_REFUSALS, HTTPStatus.CONFLICT, HTTPStatus.GONE, HTTPStatus.TOO_MANY_REQUESTS)
    def requeue(job_id: str) -> Answer:
        """Requeue a job.

        Makes a new job of one that failed, was cancelled or expired: the same request with the same seed and
        limits, and a deadline as far off as the old one's was. The old job stays as it ended, and leaves the dead
        letters. A repeat answers with the same new job.
        """
        made = requeues.requeue(caller().tenant, checked_id(job_id), key_id=caller().key_id)
        job = store.find(caller().tenant, made.job_id)
        body, headers = describe(store, job, requeues.gate)
        headers |= {"Location": f"/v1/jobs/{job.id}"} | (REPLAYED if made.replayed else {})
        return body, HTTPStatus.OK if job.is_final else HTTPStatus.ACCEPTED, headers

    @blueprint.view("DELETE", "/<job_id>", scope=Scope.JOBS_WRITE, operationId="eraseJob")
    @blueprint.answers(HTTPStatus.NO_CONTENT)
    @blueprint.refuses(*examples.JOB_REFUSALS, HTTPStatus.CONFLICT, HTTPStatus.GONE)
    def delete(job_id: str) -> Response:
        """Erase a final job.

        Its prompt and its result are gone for good, also for the same request: that runs anew.
        """
        erase(caller().tenant, checked_id(job_id))
        return Response(status=HTTPStatus.NO_CONTENT)


def describe(store: JobStore, job: Job, gate: ModelGate) -> tuple[dict[str, Any], dict[str, str]]:
    """The job object with its place in the queue, and the headers that tell its version and when to ask again."""
    try:
        place = gate.told(job.request.model, store.place(job))
    except StoreUnavailable:
        place = None  # An estimate is missing, which is no reason to withhold the rest.
    return job_document(job, place), {"ETag": entity_tag(job)} | retry_after(job, place, now=time.time())


def _differs(job: Job) -> bool:
    """From what the client knows; a final job that it knows will not differ any more."""
    return job.is_final or not has_current(job)

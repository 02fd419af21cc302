"""`/v1/jobs`: submit and list; `api.job_views` has what can be done to one job, `api.mass_cancel` to many."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from flask import request

from api import examples
from api.asked_job import Submission
from api.auth import caller
from api.blueprint import Blueprint
from api.cache_status import cache_status
from api.deliveries_blueprint import add_deliveries_of_job
from api.explain_view import add_explanation
from api.idempotency import HEADER, REPLAYED, parse_idempotency_key
from api.job_list import ListQuery, ListQuerySchema
from api.job_requests import preference
from api.job_schema import JobPageSchema, JobSchema
from api.job_streams import JobStreams, add_events_of_job
from api.job_views import add_job_views, describe
from api.mass_cancel import add_mass_cancel
from api.pages import cursor_of, link_to_next, page_document
from api.parameters import IDEMPOTENCY_KEY, METADATA_FILTER, PREFER, TRACEPARENT
from api.rate_class import RateClass
from api.request_trace import request_trace
from api.requeues import Requeues
from api.submission import Submissions
from api.submission_schema import SubmissionSchema
from api.waiting import Waiting
from jobs.access.api_key import Scope
from jobs.store import JobStore
from jobs.webhooks.log import DeliveryLog
from models.catalog import Catalog
from resilience.failpoints import Failpoint

PATH = "/v1/jobs"

Answer = tuple[dict[str, Any], HTTPStatus, dict[str, str]]


def jobs_blueprint(
    *,
    submissions: Submissions,
    requeues: Requeues,
    store: JobStore,
    log: DeliveryLog,
    waiting: Waiting,
    job_streams: JobStreams,
    erase: Callable[[str, str], object],
    catalog: Catalog,
) -> Blueprint:
    """The native interface to jobs; `erase` is given the tenant and the id of a final one."""
    blueprint = Blueprint("jobs", __name__, url_prefix=PATH, description="Submit jobs and follow them")

    @blueprint.view(
        "POST",
        "",
        scope=Scope.JOBS_WRITE,
        rate=RateClass.SUBMIT,
        operationId="submitJob",
        parameters=[IDEMPOTENCY_KEY, PREFER, TRACEPARENT],
    )
    @blueprint.takes(SubmissionSchema, examples=examples.SUBMISSIONS)
    @blueprint.answers(HTTPStatus.ACCEPTED, JobSchema, example=examples.QUEUED_JOB, headers=examples.POLLING_HEADERS)
    @blueprint.also_answers(HTTPStatus.OK, JobSchema, example=examples.FINAL_JOB, description="It is final already")
    @blueprint.refuses(*examples.BODY_REFUSALS, HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS)
    def submit(submission: Submission) -> Answer:
        """Submit a job.

        Answers at once, or with `Prefer: wait=N` as soon as the job is final, at the latest after N seconds.
        The same `Idempotency-Key` with the same body finds the job that it has made before.
        """
        preferred = preference()
        key = parse_idempotency_key(request.headers.get(HEADER))
        trace = request_trace()
        submitted = submissions.submit(
            submission,
            tenant=caller().tenant,
            key_id=caller().key_id,
            idempotency_key=key,
            traceparent=trace.traceparent,
            is_traced=trace.is_traced,
        )
        job = waiting.follow(submitted, tenant=caller().tenant, seconds=preferred.wait_seconds or 0)
        body, headers = describe(store, job, submissions.gate)
        headers |= {"Location": f"/v1/jobs/{job.id}"} | preferred.applied() | cache_status(submitted)
        if submitted.replayed:
            headers |= REPLAYED
        submissions.reach(Failpoint.API_BEFORE_REPLY)
        return body, HTTPStatus.OK if job.is_final else HTTPStatus.ACCEPTED, headers

    @blueprint.view("GET", "", scope=Scope.JOBS_READ, operationId="listJobs", parameters=[METADATA_FILTER])
    @blueprint.takes(ListQuerySchema, location="query")
    @blueprint.answers(HTTPStatus.OK, JobPageSchema, example=examples.JOB_PAGE)
    @blueprint.refuses(HTTPStatus.UNAUTHORIZED, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
    def list_jobs(query: ListQuery) -> Answer:
        """List jobs.

        Newest first. `Link` leads to the next page while there is one.
        """
        model = catalog.aliases.get(query.model, query.model) if query.model else None
        page = store.list(
            caller().tenant,
            state=query.state,
            model=model,
            metadata=query.metadata,
            batch=query.batch,
            before=query.before,
            limit=query.limit,
        )
        cursor = cursor_of(page.next_before)
        return page_document(page.jobs, cursor), HTTPStatus.OK, link_to_next(PATH, query.given, cursor)

    add_mass_cancel(blueprint, store=store, catalog=catalog)
    add_job_views(blueprint, store=store, waiting=waiting, requeues=requeues, erase=erase)
    add_explanation(blueprint, store=store, gate=submissions.gate)
    add_events_of_job(blueprint, job_streams=job_streams)
    add_deliveries_of_job(blueprint, store=store, log=log)
    return blueprint

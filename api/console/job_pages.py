"""`/jobs` and `/jobs/{id}`: what one has asked for, and what became of each."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import redirect, render_template, request
from marshmallow import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from api.auth import caller
from api.console.pages import Pages
from api.console.timeline import WIDTH, delivery_lag, timeline
from api.ended_jobs import problem_of_job
from api.errors import InvalidRequest
from api.job_document import timing_document, usage_document
from api.job_list import ListQuery, ListQuerySchema
from api.job_requests import checked_id
from api.model_gate import ModelGate
from api.pages import cursor_of
from api.rate_class import RateClass
from api.requeues import Requeues
from api.schema_faults import field_errors
from api.strict_parser import each_once
from jobs.access.api_key import Scope
from jobs.errors import StoreUnavailable
from jobs.job import Job, JobState
from jobs.store import JobStore
from jobs.webhooks.log import DeliveryLog

MOST_DELIVERIES = 20


def add_job_pages(pages: Pages, *, store: JobStore, requeues: Requeues, log: DeliveryLog, gate: ModelGate) -> None:
    """Add the pages, and what their buttons do."""

    @pages.page("GET", "/jobs", scope=Scope.JOBS_READ)
    def jobs() -> str:
        query = _query()
        found = store.list(
            caller().tenant,
            state=query.state,
            model=query.model,
            metadata=query.metadata,
            batch=query.batch,
            before=query.before,
            limit=query.limit,
        )
        more = cursor_of(found.next_before)
        following = {**query.given, "cursor": more} if more else None
        return render_template("jobs.html", jobs=found.jobs, query=query, states=JobState, following=following)

    @pages.page("GET", "/jobs/<job_id>", scope=Scope.JOBS_READ)
    def job(job_id: str) -> str:
        found = store.find(caller().tenant, checked_id(job_id))
        return render_template("job.html", **_told(found))

    @pages.page("POST", "/jobs/<job_id>/cancel", scope=Scope.JOBS_WRITE)
    def cancel(job_id: str) -> AnyResponse:
        cancelled = store.cancel(caller().tenant, checked_id(job_id))
        return redirect(f"/jobs/{cancelled.id}", HTTPStatus.SEE_OTHER)

    @pages.page("POST", "/jobs/<job_id>/requeue", scope=Scope.JOBS_WRITE, rate=RateClass.SUBMIT)
    def requeue(job_id: str) -> AnyResponse:
        made = requeues.requeue(caller().tenant, checked_id(job_id), key_id=caller().key_id)
        return redirect(f"/jobs/{made.job_id}", HTTPStatus.SEE_OTHER)

    def _told(job: Job) -> dict[str, Any]:
        sees_deliveries = Scope.WEBHOOKS_MANAGE in caller().scopes
        deliveries = log.of_job(job.tenant, job.id)[:MOST_DELIVERIES] if sees_deliveries else []
        with_attempts = [log.find(job.tenant, one.id) for one in deliveries]
        return {
            "job": job,
            "timeline": timeline(job, with_attempts),
            "timeline_width": WIDTH,
            "timing": timing_document(job),
            "usage": usage_document(job),
            "problem": problem_of_job(job) if job.is_final and job.state is not JobState.SUCCEEDED else None,
            "place": _place(job),
            **_text(job),
            "deliveries": [(one, delivery_lag(job, one)) for one in with_attempts],
        }

    def _place(job: Job) -> Any:
        try:
            return gate.told(job.request.model, store.place(job))
        except StoreUnavailable:
            return None

    def _text(job: Job) -> dict[str, Any]:
        if job.is_final:
            return {"text": job.text or "", "token_count": 0}
        tokens = store.tokens(job.tenant, job.id)
        return {"text": tokens.text, "token_count": tokens.end}


def _query() -> ListQuery:
    try:
        given = {name: value for name, value in each_once(request.args).items() if value}
        query: ListQuery = ListQuerySchema().load(given)
    except ValidationError as error:
        raise InvalidRequest.of_all(field_errors(error.messages)) from error
    return query

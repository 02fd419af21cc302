"""`/`: type a prompt, see what becomes of it, and the jobs before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import marshmallow
from flask import redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from api.asked_job import Submission
from api.auth import caller
from api.blueprint import ANY_KEY
from api.console.pages import Pages
from api.errors import InvalidRequest
from api.model_gate import ModelGate
from api.rate_class import RateClass
from api.schema_faults import field_errors
from api.submission import Submissions
from api.submission_schema import SubmissionSchema
from jobs.access.api_key import Scope
from jobs.job import Priority
from jobs.queues import QueueStatus
from jobs.store import JobStore
from models.catalog import Catalog
from resilience.circuit.permit import State

RECENT_JOBS = 8
USUAL_TOKENS = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A model that makes texts, and why a job of it would not start at once, if that is known."""

    name: str
    most_tokens: int
    hindrance: str


def add_prompts(pages: Pages, *, submissions: Submissions, store: JobStore, catalog: Catalog, gate: ModelGate) -> None:
    """Add the first page, and what its form does where there are no scripts."""

    @pages.page("GET", "/", scope=ANY_KEY)
    def home() -> str:
        asker = caller()
        may_read = Scope.JOBS_READ in asker.scopes
        jobs = store.list(asker.tenant, limit=RECENT_JOBS).jobs if may_read else []
        choices = [
            Choice(
                name=model.name,
                most_tokens=model.limits.max_tokens,
                hindrance=_hindrance(store.queue(model.name, asker.tenant), gate.state(model.name)),
            )
            for model in catalog.models.values()
            if not model.embeds
        ]
        return render_template("home.html", jobs=jobs, choices=choices, usual_tokens=USUAL_TOKENS)

    @pages.page("POST", "/", scope=Scope.JOBS_WRITE, rate=RateClass.SUBMIT)
    def submit() -> AnyResponse:
        submitted = submissions.submit(_asked(request.form), tenant=caller().tenant, key_id=caller().key_id)
        return redirect(f"/jobs/{submitted.job_id}", HTTPStatus.SEE_OTHER)


def _asked(form: Mapping[str, str]) -> Submission:
    """What the form asks for, by the rules of `POST /v1/jobs`."""
    body: dict[str, Any] = {
        "model": form.get("model", ""),
        "input": {"prompt": form.get("prompt", "").replace("\r\n", "\n")},
        "params": {name: _number(form[name]) for name in ("max_tokens", "temperature") if form.get(name)},
        "priority": Priority.INTERACTIVE.value,
    }
    try:
        asked: Submission = SubmissionSchema().load(body)
    except marshmallow.ValidationError as error:
        raise InvalidRequest.of_all(field_errors(error.messages)) from error
    return asked


def _number(text: str) -> float | str:
    """As JSON would have it; what is no number is left to be refused."""
    try:
        return int(text) if text.isdigit() else float(text)
    except ValueError:
        return text


def _hindrance(queue: QueueStatus, circuit: State) -> str:
    if queue.mode != "running":
        return queue.mode
    if circuit is not State.CLOSED:
        return f"its circuit is {circuit.value}"
    return "" if queue.workers else "no worker"

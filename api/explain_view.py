"""`/v1/jobs/{id}/explain`: why it waits."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from api import examples
from api.auth import caller
from api.blueprint import Blueprint
from api.circuit_reason import with_circuit
from api.explanation_document import ExplanationSchema, explanation_document
from api.job_requests import checked_id
from api.model_gate import ModelGate
from jobs.access.api_key import Scope
from jobs.store import JobStore

EXAMPLE: dict[str, Any] = {
    "object": "explanation",
    "job_id": examples.QUEUED_JOB["id"],
    "status": "queued",
    "priority": "standard",
    "reasons": [
        {
            "code": "behind-others",
            "message": "2 jobs of yours and 1 of others are estimated to go before it.",
            "detail": {"own": {"jobs": 2, "tokens": 608}, "others": {"jobs": 1, "tokens": 304}},
        },
        {
            "code": "slots-busy",
            "message": "All 32 slots of the model are taken.",
            "detail": {"slots": 32, "busy": 36},
        },
    ],
    "queue": {"position": 3, "tokens_ahead": 912, "eta_s": 4.2},
    "weight": {"priority": 4, "tenant": 1.0},
}


def add_explanation(blueprint: Blueprint, *, store: JobStore, gate: ModelGate) -> None:
    """Add the view."""

    @blueprint.view("GET", "/<job_id>/explain", scope=Scope.JOBS_READ, operationId="explainJob")
    @blueprint.answers(HTTPStatus.OK, ExplanationSchema, example=EXAMPLE)
    @blueprint.refuses(*examples.JOB_REFUSALS, HTTPStatus.GONE)
    def explain(job_id: str) -> dict[str, Any]:
        """Ask why a job waits.

        Reasons for people and for programs, with its place, and what its priority and tenant weigh. Of a job that runs
        or is final it says so.
        """
        explanation = store.explain(caller().tenant, checked_id(job_id))
        return explanation_document(with_circuit(explanation, gate.outlook(explanation.job.request.model)))

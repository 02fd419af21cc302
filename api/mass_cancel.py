"""`POST /v1/jobs/cancel`: cancels many jobs by their metadata."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from marshmallow import Schema, fields, post_load, validate

from api import examples
from api.auth import caller
from api.blueprint import Blueprint
from api.fields import Text
from api.pages import Cursor, cursor_of
from api.strict_schema import StrictSchema
from api.submission_schema import MetadataField
from jobs.access.api_key import Scope
from jobs.job import JobState
from jobs.store import JobStore
from models.catalog import Catalog


class MassCancelSchema(StrictSchema):
    """Which jobs are meant: those that match all that is given."""

    metadata = MetadataField(
        required=True,
        validate=validate.Length(min=1, error="Must have at least one pair."),
        metadata={"description": "Jobs with every one of these pairs", "minProperties": 1},
    )
    model = Text(1, 100, metadata={"description": "Only jobs of this model"})
    status = fields.String(
        validate=validate.OneOf([JobState.QUEUED.value, JobState.RUNNING.value], error="Must be one of {choices}."),
        error_messages={"invalid": "Must be text."},
        metadata={"description": "Only jobs in this state"},
    )
    cursor = Cursor(metadata={"description": "`next_cursor` of the answer before"})

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """As the store takes them."""
        return {
            "metadata": data["metadata"],
            "model": data.get("model"),
            "state": JobState(data["status"]) if "status" in data else None,
            "before": data.get("cursor"),
        }


class CancellationSchema(Schema):
    """What one call has done; go on while `has_more`."""

    object = fields.Constant("cancellation", required=True)
    cancelled = fields.List(fields.String(), required=True, metadata={"description": "Ids of jobs that are ended now"})
    requested = fields.List(
        fields.String(), required=True, metadata={"description": "Ids of jobs that run and were asked to stop"}
    )
    has_more = fields.Boolean(required=True)
    next_cursor = fields.String(required=True, allow_none=True)


def add_mass_cancel(blueprint: Blueprint, *, store: JobStore, catalog: Catalog) -> None:
    """Add the view that cancels many jobs."""

    @blueprint.view("POST", "/cancel", scope=Scope.JOBS_WRITE, operationId="cancelJobs")
    @blueprint.takes(MassCancelSchema, example=examples.MASS_CANCEL)
    @blueprint.answers(HTTPStatus.OK, CancellationSchema, example=examples.CANCELLATION)
    @blueprint.refuses(*examples.BODY_REFUSALS)
    def cancel_jobs(wanted: dict[str, Any]) -> dict[str, Any]:
        """Cancel jobs by their metadata.

        Newest first. One call looks at no more than 5,000 jobs and cancels no more than 1,000; go on with
        `next_cursor` while `has_more` is true. Jobs that are final already are passed over.
        """
        named = wanted["model"]
        model = catalog.aliases.get(named, named)
        done = store.cancel_matching(caller().tenant, **wanted | {"model": model})
        return {
            "object": "cancellation",
            "cancelled": done.cancelled,
            "requested": done.requested,
            "has_more": done.next_before is not None,
            "next_cursor": cursor_of(done.next_before),
        }

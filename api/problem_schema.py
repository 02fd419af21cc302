"""The documented form of a problem."""

from __future__ import annotations

from marshmallow import Schema, fields

from api import problem_types, problems
from api.errors import FieldError

EXAMPLE = problems.document(
    problem_types.INVALID_REQUEST,
    "params.temperature: Must be a number from 0 to 2.",
    [FieldError("params.temperature", "Must be a number from 0 to 2.")],
)


class FieldErrorSchema(Schema):
    """One field that is to blame."""

    field = fields.String(required=True, metadata={"description": "A path such as `params.stop[0]`"})
    message = fields.String(required=True)


class OpenAIErrorSchema(Schema):
    """The same error as OpenAI's clients read it."""

    message = fields.String(required=True)
    type = fields.String(required=True)
    param = fields.String(required=True, allow_none=True)
    code = fields.String(required=True, allow_none=True)


class ProblemSchema(Schema):
    """RFC 9457, with OpenAI's `error` beside it."""

    type = fields.String(required=True, metadata={"description": "Which problem; the page behind it explains it"})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    retryable = fields.Boolean(
        required=True, metadata={"description": "Whether the same request may succeed later, as it is"}
    )
    instance = fields.String(metadata={"description": "The job, where it is one that has ended without a result"})
    errors = fields.List(fields.Nested(FieldErrorSchema))
    violated_policies = fields.List(
        fields.String(),
        data_key="violated-policies",
        metadata={"description": "Of a request too many, the limits that are used up, as `GET /v1/limits` names them"},
    )
    error = fields.Nested(OpenAIErrorSchema, required=True)

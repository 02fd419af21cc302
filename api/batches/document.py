"""A batch as clients see it, in the form of OpenAI's."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from api.batches.endpoints import ENDPOINTS
from api.batches.line_error import LineError
from api.batches.window import told_window
from api.id_pages import IdPageSchema
from jobs.batches.batch import Batch, BatchStatus, BatchUsage


def _instant(description: str) -> fields.Integer:
    return fields.Integer(required=True, allow_none=True, metadata={"description": f"{description}, in Unix seconds"})


class BatchErrorSchema(Schema):
    """What is wrong with the input."""

    code = fields.String(required=True)
    line = fields.Integer(required=True, allow_none=True, metadata={"description": "From 1; null for the whole file"})
    message = fields.String(required=True)
    param = fields.String(required=True, allow_none=True, metadata={"description": "The field to blame"})


class BatchErrorsSchema(Schema):
    """Why a batch failed."""

    object = fields.Constant("list", required=True)
    data = fields.List(fields.Nested(BatchErrorSchema), required=True)


class BatchCountsSchema(Schema):
    """Lines; the last two are told in the output."""

    total = fields.Integer(required=True, metadata={"description": "0 until the input was looked through"})
    completed = fields.Integer(required=True)
    failed = fields.Integer(required=True)


class BatchInputTokensSchema(Schema):
    cached_tokens = fields.Integer(required=True)


class BatchOutputTokensSchema(Schema):
    reasoning_tokens = fields.Integer(required=True)


class BatchUsageSchema(Schema):
    """Tokens of the lines that are told."""

    input_tokens = fields.Integer(required=True)
    input_tokens_details = fields.Nested(BatchInputTokensSchema, required=True)
    output_tokens = fields.Integer(required=True)
    output_tokens_details = fields.Nested(BatchOutputTokensSchema, required=True)
    total_tokens = fields.Integer(required=True)


class BatchSchema(Schema):
    """A batch."""

    id = fields.String(required=True)
    object = fields.Constant("batch", required=True)
    endpoint = fields.String(required=True, validate=validate.OneOf(list(ENDPOINTS)))
    model = fields.String(
        required=True, allow_none=True, metadata={"description": "Of all lines; known once they are looked through"}
    )
    errors = fields.Nested(
        BatchErrorsSchema, required=True, allow_none=True, metadata={"description": "Of a batch that failed"}
    )
    input_file_id = fields.String(required=True)
    completion_window = fields.String(required=True, metadata={"description": "In hours"})
    status = fields.String(required=True, validate=validate.OneOf([one.value for one in BatchStatus]))
    output_file_id = fields.String(
        required=True, allow_none=True, metadata={"description": "Lines with answers, once the batch has ended"}
    )
    error_file_id = fields.String(
        required=True, allow_none=True, metadata={"description": "Lines without, once the batch has ended"}
    )
    created_at = fields.Integer(required=True, metadata={"description": "In Unix seconds"})
    in_progress_at = _instant("When the input was looked through")
    expires_at = _instant("When its window is over")
    finalizing_at = _instant("When its last line was done")
    completed_at = _instant("When it ended so")
    failed_at = _instant("When it ended so")
    expired_at = _instant("When it ended so")
    cancelling_at = _instant("When its cancel was asked for")
    cancelled_at = _instant("When it ended so")
    request_counts = fields.Nested(BatchCountsSchema, required=True)
    usage = fields.Nested(BatchUsageSchema, required=True)
    metadata = fields.Dict(keys=fields.String(), values=fields.String(), required=True, allow_none=True)
    waiting_for = fields.String(
        required=True, allow_none=True, metadata={"description": "Not of OpenAI: why nothing goes on, in words"}
    )


class BatchListSchema(IdPageSchema):
    """Batches."""

    data = fields.List(fields.Nested(BatchSchema), required=True)


def batch_document(batch: Batch) -> dict[str, Any]:
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": batch.endpoint,
        "model": batch.model,
        "errors": _errors(batch),
        "input_file_id": batch.input_file_id,
        "completion_window": told_window(batch.window_seconds),
        "status": batch.status.value,
        "output_file_id": batch.output_file_id,
        "error_file_id": batch.error_file_id,
        "created_at": int(batch.created_at),
        "in_progress_at": _whole(batch.in_progress_at),
        "expires_at": _whole(batch.expires_at),
        "finalizing_at": _whole(batch.finalizing_at),
        "completed_at": _whole(batch.completed_at),
        "failed_at": _whole(batch.failed_at),
        "expired_at": _whole(batch.expired_at),
        "cancelling_at": _whole(batch.cancelling_at),
        "cancelled_at": _whole(batch.cancelled_at),
        "request_counts": {"total": batch.total, "completed": batch.completed, "failed": batch.failed},
        "usage": _usage(batch.usage),
        "metadata": dict(batch.metadata) or None,
        "waiting_for": batch.waiting_for,
    }


def _errors(batch: Batch) -> dict[str, Any] | None:
    if not batch.errors:
        return None
    told = [LineError(code=one.code, message=one.message, line=one.line, param=one.param) for one in batch.errors]
    return {"object": "list", "data": [one.document() for one in told]}


def _usage(used: BatchUsage) -> dict[str, Any]:
    return {
        "input_tokens": used.prompt_tokens,
        "input_tokens_details": {"cached_tokens": min(used.cached_tokens, used.prompt_tokens)},
        "output_tokens": used.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": used.prompt_tokens + used.completion_tokens,
    }


def _whole(instant: float | None) -> int | None:
    return None if instant is None else int(instant)

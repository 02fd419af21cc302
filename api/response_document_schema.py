"""The documented form of a response; `api.response_document` makes it."""

from __future__ import annotations

from marshmallow import Schema, fields, validate


class CandidateSchema(Schema):
    token = fields.String(required=True)
    logprob = fields.Float(required=True)
    bytes = fields.List(fields.Integer(), required=True)


class TokenLogprobsSchema(CandidateSchema):
    top_logprobs = fields.List(fields.Nested(CandidateSchema), required=True)


class TextPartSchema(Schema):
    type = fields.Constant("output_text", required=True)
    text = fields.String(required=True)
    annotations = fields.List(fields.Raw(), required=True, metadata={"maxItems": 0})
    logprobs = fields.List(fields.Nested(TokenLogprobsSchema), required=True)


class ResponseMessageSchema(Schema):
    id = fields.String(required=True)
    type = fields.Constant("message", required=True)
    role = fields.Constant("assistant", required=True)
    status = fields.String(required=True, validate=validate.OneOf(["completed", "incomplete"]))
    content = fields.List(fields.Nested(TextPartSchema), required=True)


class ResponseErrorSchema(Schema):
    code = fields.String(required=True, validate=validate.OneOf(["server_error", "invalid_prompt"]))
    message = fields.String(required=True)


class IncompleteSchema(Schema):
    reason = fields.Constant("max_output_tokens", required=True)


class InputDetailsSchema(Schema):
    cached_tokens = fields.Integer(required=True)
    cache_write_tokens = fields.Integer(required=True)


class OutputDetailsSchema(Schema):
    reasoning_tokens = fields.Integer(required=True)


class ResponseUsageSchema(Schema):
    input_tokens = fields.Integer(required=True)
    input_tokens_details = fields.Nested(InputDetailsSchema, required=True)
    output_tokens = fields.Integer(required=True)
    output_tokens_details = fields.Nested(OutputDetailsSchema, required=True)
    total_tokens = fields.Integer(required=True)


class FormatDocumentSchema(Schema):
    type = fields.Constant("text", required=True)


class TextDocumentSchema(Schema):
    format = fields.Nested(FormatDocumentSchema, required=True)


class ReasoningSchema(Schema):
    effort = fields.Raw(required=True, allow_none=True)
    summary = fields.Raw(required=True, allow_none=True)


class ResponseDocumentSchema(Schema):
    """OpenAI's response object; times are Unix seconds."""

    id = fields.String(required=True, metadata={"description": "Also the id of its job: `/v1/jobs/{id}`"})
    object = fields.Constant("response", required=True)
    created_at = fields.Integer(required=True)
    completed_at = fields.Integer(required=True, allow_none=True)
    status = fields.String(
        required=True,
        validate=validate.OneOf(["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]),
    )
    background = fields.Boolean(required=True)
    store = fields.Boolean(required=True)
    error = fields.Nested(ResponseErrorSchema, required=True, allow_none=True)
    incomplete_details = fields.Nested(IncompleteSchema, required=True, allow_none=True)
    instructions = fields.String(required=True, allow_none=True)
    max_output_tokens = fields.Integer(required=True, allow_none=True)
    max_tool_calls = fields.Raw(required=True, allow_none=True)
    metadata = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    model = fields.String(required=True)
    output = fields.List(
        fields.Nested(ResponseMessageSchema),
        required=True,
        metadata={"description": "One message, once the response is final; the partial text of one that was cancelled"},
    )
    parallel_tool_calls = fields.Boolean(required=True)
    previous_response_id = fields.String(required=True, allow_none=True)
    prompt_cache_key = fields.String(required=True, allow_none=True)
    reasoning = fields.Nested(ReasoningSchema, required=True)
    safety_identifier = fields.String(required=True, allow_none=True)
    service_tier = fields.Constant("default", required=True)
    temperature = fields.Float(required=True)
    text = fields.Nested(TextDocumentSchema, required=True)
    tool_choice = fields.String(required=True, validate=validate.OneOf(["auto", "none"]))
    tools = fields.List(fields.Raw(), required=True, metadata={"maxItems": 0})
    top_logprobs = fields.Integer(required=True)
    top_p = fields.Float(required=True)
    truncation = fields.Constant("disabled", required=True)
    usage = fields.Nested(ResponseUsageSchema, required=True, allow_none=True)
    user = fields.String(required=True, allow_none=True)


class DeletedResponseSchema(Schema):
    id = fields.String(required=True)
    object = fields.Constant("response", required=True)
    deleted = fields.Constant(constant=True, required=True)

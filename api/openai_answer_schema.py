"""The documented forms of OpenAI's answers with texts and vectors."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields


def _fixed(name: str) -> fields.Constant[str]:
    return fields.Constant(name, required=True)


def _any(description: str, *types: str) -> fields.Raw:
    described: dict[str, Any] = {"type": list(types), "description": description}
    return fields.Raw(required=True, allow_none="null" in types, metadata=described)


class CachedTokensSchema(Schema):
    cached_tokens = fields.Integer(required=True)


class ReasoningTokensSchema(Schema):
    reasoning_tokens = fields.Integer(required=True)


class TextUsageSchema(Schema):
    """The tokens of a request for a text."""

    prompt_tokens = fields.Integer(required=True)
    completion_tokens = fields.Integer(required=True)
    total_tokens = fields.Integer(required=True)
    prompt_tokens_details = fields.Nested(CachedTokensSchema, required=True)
    completion_tokens_details = fields.Nested(ReasoningTokensSchema, required=True)


class ChatMessageSchema(Schema):
    role = _fixed("assistant")
    content = fields.String(required=True)
    refusal = _any("Always null", "null")


class ChatChoiceSchema(Schema):
    index = fields.Integer(required=True)
    message = fields.Nested(ChatMessageSchema, required=True)
    logprobs = _any("If they were asked for: `content` has one entry per token", "object", "null")
    finish_reason = fields.String(
        required=True, metadata={"description": "`stop`, or `length` where max_tokens ended it"}
    )


class ChatCompletionSchema(Schema):
    """A chat completion."""

    id = fields.String(required=True, metadata={"description": "The letters of the job's id behind `chatcmpl-`"})
    object = _fixed("chat.completion")
    created = fields.Integer(required=True)
    model = fields.String(required=True)
    choices = fields.List(fields.Nested(ChatChoiceSchema), required=True)
    usage = fields.Nested(TextUsageSchema, required=True)


class CompletionChoiceSchema(Schema):
    index = fields.Integer(required=True)
    text = fields.String(required=True)
    logprobs = _any("If they were asked for: lists with one entry per token", "object", "null")
    finish_reason = fields.String(
        required=True, metadata={"description": "`stop`, or `length` where max_tokens ended it"}
    )


class CompletionSchema(Schema):
    """A completion."""

    id = fields.String(required=True, metadata={"description": "The letters of the job's id behind `cmpl-`"})
    object = _fixed("text_completion")
    created = fields.Integer(required=True)
    model = fields.String(required=True)
    choices = fields.List(fields.Nested(CompletionChoiceSchema), required=True)
    usage = fields.Nested(TextUsageSchema, required=True)


class EmbeddingSchema(Schema):
    object = _fixed("embedding")
    index = fields.Integer(required=True)
    embedding = _any("Numbers, or float32 in base64 where that was asked for", "array", "string")


class EmbeddingUsageSchema(Schema):
    prompt_tokens = fields.Integer(required=True)
    total_tokens = fields.Integer(required=True)


class EmbeddingListSchema(Schema):
    """One vector per input, in their order."""

    object = _fixed("list")
    data = fields.List(fields.Nested(EmbeddingSchema), required=True)
    model = fields.String(required=True)
    usage = fields.Nested(EmbeddingUsageSchema, required=True)

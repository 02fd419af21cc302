"""The accepted form of `POST /v1/completions`."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, post_load

from api.asked_job import Submission
from api.cache_fields import asked_cache
from api.fields import Whole
from api.openai_fields import Accepted, Refused, invalid_type, unsupported_value
from api.openai_generation import MAX_LOGPROBS, GenerationSchema, TextCall, make_call, params_of
from api.priority_field import asked_priority
from api.schema_rules import TEXT_FORM
from jobs.fingerprint import fingerprint
from jobs.request import RequestType

_TEXT = TEXT_FORM | {"minLength": 1}


class Prompt(fields.Field[str]):
    """One text, also as the only element of a list."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str:
        del attr, data
        if isinstance(value, list) and len(value) > 1 and all(isinstance(one, str) for one in value):
            raise unsupported_value(f"Holds {len(value)} prompts; one is supported.")
        text = value[0] if isinstance(value, list) and len(value) == 1 else value
        if isinstance(text, list) or (isinstance(value, list) and not isinstance(text, str)):
            raise unsupported_value("Must be a text: token ids are not supported.")
        if not isinstance(text, str):
            raise invalid_type("Must be a text.")
        if not text:
            raise ValidationError("Must not be empty.")
        return text


class CompletionRequestSchema(GenerationSchema):
    """A prompt to go on from."""

    prompt = Prompt(
        required=True,
        metadata={"oneOf": [_TEXT, {"type": "array", "minItems": 1, "maxItems": 1, "items": _TEXT}]},
    )
    logprobs = Whole(
        0, MAX_LOGPROBS, metadata={"description": "Tell the log probabilities of so many tokens per place"}
    )
    best_of = Accepted(1)
    echo = Accepted(False)  # noqa: FBT003 - a value of the field
    suffix = Refused()

    @post_load(pass_original=True)
    def make(self, data: dict[str, Any], original: dict[str, Any], **_: Any) -> TextCall:
        params = params_of(data) | {name: data[name] for name in ("max_tokens", "logprobs") if name in data}

        def submission(is_streamed: bool) -> Submission:  # noqa: FBT001 - a callback
            return Submission(
                type=RequestType.COMPLETION,
                fingerprint=fingerprint({"completion": original}),
                model=data["model"],
                prompt=data["prompt"],
                params=params,
                default_max_tokens=None,
                is_streamed=is_streamed,
                is_foreground=True,
                priority=asked_priority(data),
                cache=asked_cache(data),
            )

        return make_call(data, submission, {"input.prompt": "prompt", "input": "prompt", "params.": ""})

"""The accepted form of `POST /v1/embeddings`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from marshmallow import fields, post_load, validate

from api.asked_job import Submission
from api.cache_fields import CacheField, CacheTtlField, asked_cache
from api.embedding_input import OneOrMoreTexts
from api.errors import Names
from api.fields import Text
from api.openai_fields import Label, OpenAISchema, Refused
from api.priority_field import PriorityField, asked_priority
from jobs.fingerprint import fingerprint
from jobs.request import RequestType

_SEVERAL: Names = {"input.texts": "input"}
_ONE: Names = {"input.texts[0]": "input", **_SEVERAL}


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingCall:
    """A request for vectors that somebody waits for; `names` are the client's for the members of the job."""

    submission: Submission
    names: Names
    is_base64: bool


class EmbeddingRequestSchema(OpenAISchema):
    """Texts to embed."""

    model = Text(1, 100, required=True, metadata={"description": "A name or alias of a model that embeds"})
    input = OneOrMoreTexts(required=True)
    encoding_format = fields.String(
        validate=validate.OneOf(["float", "base64"], error="Must be one of {choices}."),
        metadata={"description": "Numbers, or little-endian float32 in base64, which OpenAI's clients ask for"},
    )
    priority = PriorityField("Not OpenAI's: the class of the job in the queue; `interactive` by default")
    cache = CacheField("Not OpenAI's: ")
    cache_ttl_s = CacheTtlField("Not OpenAI's: ")
    user = Label()
    dimensions = Refused()

    @post_load(pass_original=True)
    def make(self, data: dict[str, Any], original: dict[str, Any], **_: Any) -> EmbeddingCall:
        submission = Submission(
            type=RequestType.EMBEDDING,
            fingerprint=fingerprint({"embedding": original}),
            model=data["model"],
            inputs=data["input"],
            is_foreground=True,
            priority=asked_priority(data),
            cache=asked_cache(data),
            prompt_field="input.texts",
        )
        is_base64 = data.get("encoding_format") == "base64"
        return EmbeddingCall(
            submission=submission, names=_ONE if len(data["input"]) == 1 else _SEVERAL, is_base64=is_base64
        )

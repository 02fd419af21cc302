"""The accepted form of `POST /v1/infer`: a prompt, with the params beside it or in `params`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from api.asked_job import Submission
from api.cache_fields import CacheField, CacheTtlField, asked_cache
from api.fields import Text, Truth
from api.priority_field import PriorityField, asked_priority
from api.schema_rules import only_with
from api.strict_schema import nested
from api.submission_schema import MODEL_DOC, ParamsSchema
from jobs.fingerprint import fingerprint
from jobs.job import Priority
from jobs.request import RequestType

CONTINUE = "continue"
CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Inference:
    """A submission and how its answer is wanted: as a stream or not, and whether its end ends the job."""

    submission: Submission
    is_streamed: bool
    cancels_on_disconnect: bool


class InferSchema(ParamsSchema):
    """A prompt to go on from."""

    rules = (only_with("on_disconnect", "stream"),)

    model = Text(1, 100, metadata=MODEL_DOC)
    prompt = Text(required=True)
    params = nested(ParamsSchema, metadata={"description": "The same settings, kept together; none is given twice"})
    stream = Truth(load_default=False, metadata={"description": "Answer with the tokens as they come"})
    priority = PriorityField("The class of the job in the queue; `interactive` by default")
    cache = CacheField()
    cache_ttl_s = CacheTtlField()
    on_disconnect = fields.String(
        validate=validate.OneOf([CONTINUE, CANCEL], error="Must be one of {choices}."),
        metadata={"description": "What becomes of the job if the reader of its stream leaves; `continue` by default"},
    )

    @post_load(pass_original=True)
    def make(self, data: dict[str, Any], original: dict[str, Any], **_: Any) -> Inference:
        if "on_disconnect" in data and not data["stream"]:
            raise ValidationError({"on_disconnect": ["Is for streams alone: set stream to true."]})
        flat = {name: data[name] for name in ParamsSchema().fields if name in data}
        together = data.get("params", {})
        if twice := flat.keys() & together.keys():
            raise ValidationError({name: ["Is given in params too."] for name in sorted(twice)})
        submission = Submission(
            type=RequestType.COMPLETION,
            fingerprint=fingerprint(original),
            model=data.get("model"),
            prompt=data["prompt"],
            params=flat | together,
            priority=asked_priority(data) or Priority.INTERACTIVE,
            cache=asked_cache(data),
            prompt_field="prompt",
            is_streamed=data["stream"],
            params_prefix="" if "max_tokens" in flat else "params.",
        )
        return Inference(submission, data["stream"], data.get("on_disconnect") == CANCEL)

"""The accepted form of `POST /v1/infer`: a prompt, with the params beside it or in `params`."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, post_load

from api.fields import Text, Truth
from api.strict_schema import nested
from api.submission import Submission
from api.submission_schema import MODEL_DOC, ParamsSchema
from jobs.fingerprint import fingerprint
from jobs.request import RequestType


class InferSchema(ParamsSchema):
    """A prompt to go on from."""

    model = Text(1, 100, metadata=MODEL_DOC)
    prompt = Text(required=True)
    params = nested(ParamsSchema, metadata={"description": "The same settings, kept together"})
    stream = Truth(metadata={"description": "Only false: streams are not built yet", "enum": [False]})

    @post_load(pass_original=True)
    def make(self, data: dict[str, Any], original: dict[str, Any], **_: Any) -> Submission:
        if data.get("stream"):
            raise ValidationError({"stream": ["Streams are not built yet: leave it out."]})
        flat = {name: data[name] for name in ParamsSchema().fields if name in data}
        together = data.get("params", {})
        if twice := flat.keys() & together.keys():
            raise ValidationError({name: ["Is given in params too."] for name in sorted(twice)})
        return Submission(
            type=RequestType.COMPLETION,
            fingerprint=fingerprint(original),
            model=data.get("model"),
            prompt=data["prompt"],
            params=flat | together,
            prompt_field="prompt",
            params_prefix="" if "max_tokens" in flat else "params.",
        )

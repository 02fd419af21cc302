"""The accepted form of a model configuration."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from models.strict_schema import StrictSchema
from models.upstream_schema import UpstreamSchema

_NAME = validate.Regexp(
    r"\A[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}\Z",
    error="must start with a letter or digit and hold up to 100 letters, digits and ._:/-",
)
_AT_LEAST_1 = validate.Range(min=1, error="must be a whole number of at least {min}")


def _whole(**options: Any) -> fields.Integer:
    return fields.Integer(
        strict=True, validate=_AT_LEAST_1, error_messages={"invalid": "must be a whole number of at least 1"}, **options
    )


_AT_LEAST_0 = validate.Range(min=0, error="must be a whole number of at least {min}")


class LimitsSchema(StrictSchema):
    """`limits` of a model."""

    max_tokens = _whole()
    max_prompt_chars = _whole()
    max_inputs = _whole()
    max_waiting = _whole(allow_none=True)
    max_waiting_per_tenant = _whole(allow_none=True)


class ScriptSchema(StrictSchema):
    """`script` of a scripted model."""

    reply = fields.String()
    tokens_per_second = fields.Float(
        validate=validate.Range(min=0, min_inclusive=False, error="must be a number above 0")
    )
    tells_time = fields.Boolean(truthy={True}, falsy={False}, error_messages={"invalid": "must be true or false"})
    hang_on = fields.String(validate=validate.Length(min=1, error="must be a text of at least one character"))
    dimensions = _whole()


class ModelSchema(StrictSchema):
    """One entry of `models`."""

    engine = fields.String(
        validate=validate.OneOf(["torch", "encoder", "scripted", "upstream"], error="must be one of {choices}"),
        load_default="torch",
    )
    path = fields.String(validate=validate.Length(min=1, error="must be the path of a folder"))
    hub = fields.String(
        validate=validate.Regexp(
            r"\A[\w.-]+/[\w.-]+\Z", error="must be a Hugging Face model id such as Qwen/Qwen3-0.6B"
        )
    )
    revision = fields.String(
        validate=validate.Regexp(r"\A[0-9a-f]{40}\Z", error="must be a commit hash of 40 hexadecimal digits")
    )
    dtype = fields.String(
        validate=validate.OneOf(["auto", "float32", "bfloat16", "float16"], error="must be one of {choices}")
    )
    device_map = fields.String(
        validate=validate.Regexp(
            r"\A(auto|balanced|sequential|cpu|mps|cuda(:\d+)?)\Z",
            error="must be auto, balanced, sequential, cpu, mps, cuda or cuda:N",
        )
    )
    slots = _whole()
    reserved_interactive_slots = fields.Integer(
        strict=True,
        validate=_AT_LEAST_0,
        error_messages={"invalid": "must be a whole number of at least 0"},
    )
    context_tokens = _whole()
    prefill_chunk = _whole()
    threads = _whole()
    limits = fields.Nested(LimitsSchema)
    script = fields.Nested(ScriptSchema)
    upstream = fields.Nested(UpstreamSchema)

    @validates_schema
    def check_reserved(self, data: dict[str, Any], **_: object) -> None:
        """Refuse to keep all slots of a worker: other jobs need one."""
        slots, reserved = data.get("slots"), data.get("reserved_interactive_slots", 0)
        if slots is not None and reserved >= slots:
            message = f"must be less than the {slots} slots of a worker"
            raise ValidationError(message, "reserved_interactive_slots")

    @validates_schema(skip_on_field_errors=False, pass_original=True)
    def check_source(self, data: dict[str, Any], given: dict[str, Any], **_: object) -> None:
        """Refuse a model that comes from nowhere, or from two places."""
        engine = data.get("engine")
        for name, kind in (("script", "scripted"), ("upstream", "upstream")):
            if name in data and engine != kind:
                message = f"only a model with `engine: {kind}` has this: remove it, or say so"
                raise ValidationError(message, name)
        if engine in {"scripted", "upstream"}:
            for name in ("path", "hub", "revision"):
                if name in data:
                    message = f"a model with `engine: {engine}` has no weights: remove this, or say `engine: torch`"
                    raise ValidationError(message, name)
            if engine == "upstream" and "upstream" not in given:
                message = "is required: a mapping with the `url` of a server and the `model` to ask it for"
                raise ValidationError(message, "upstream")
            return
        if ("path" in data) == ("hub" in data):
            message = "give either `path`, a folder, or `hub`, a Hugging Face model id"
            raise ValidationError(message, "path")
        if ("hub" in data) != ("revision" in data):
            message = "a commit hash of 40 hexadecimal digits goes with `hub`, and only with it"
            raise ValidationError(message, "revision")


class CatalogSchema(StrictSchema):
    """The whole file."""

    models = fields.Dict(
        keys=fields.String(validate=_NAME),
        values=fields.Nested(ModelSchema),
        required=True,
        validate=validate.Length(min=1, error="must name at least one model"),
    )
    aliases = fields.Dict(keys=fields.String(validate=_NAME), values=fields.String(), load_default=dict)

    @validates_schema
    def check_aliases(self, data: dict[str, Any], **_: object) -> None:
        """Refuse an alias that points nowhere or hides a model."""
        wrong = {
            alias: f"points to {target!r}, which is not one of the models: {', '.join(data['models'])}"
            for alias, target in data["aliases"].items()
            if target not in data["models"]
        } | {alias: "is the name of a model already" for alias in data["aliases"] if alias in data["models"]}
        if wrong:
            raise ValidationError({"aliases": {alias: [message] for alias, message in wrong.items()}})

"""The accepted form of `upstream` in a model configuration."""

from __future__ import annotations

from urllib.parse import urlsplit

from marshmallow import ValidationError, fields, validate

from models.strict_schema import StrictSchema

LONGEST_CONNECT_SECONDS = 60
LONGEST_SILENCE_SECONDS = 86_400
OUR_HEADERS = frozenset(
    {"accept", "accept-encoding", "connection", "content-length", "content-type", "host", "transfer-encoding"}
)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or not url.isascii() or not url.isprintable() or " " in url:
        raise ValidationError("must be an address such as https://host/v1")
    if parts.username is not None or parts.password is not None:
        raise ValidationError("must not hold a password: name the variable with the key in `api_key_env`")
    if parts.query or parts.fragment:
        raise ValidationError("must have no query and no fragment")
    if parts.path.rstrip("/").endswith("/completions"):
        raise ValidationError("must end before /chat/completions or /completions, which are added")


def _check_header(name: str) -> None:
    if name.lower() == "authorization":
        raise ValidationError("comes from `api_key_env`: a key must not stand in the file")
    if name.lower() in OUR_HEADERS:
        raise ValidationError("is set by each request itself")


def _seconds(name: str, longest: int) -> fields.Float:
    form = f"must be a number of seconds above 0, up to {longest:,}"
    bounds = validate.Range(min=0, min_inclusive=False, max=longest, error=form)
    return fields.Float(data_key=name, validate=bounds, error_messages={"invalid": form, "special": form})


class UpstreamSchema(StrictSchema):
    """Where a model runs that is not ours to load."""

    url = fields.String(required=True, validate=_check_url)
    model = fields.String(
        required=True, validate=validate.Length(min=1, max=200, error="must be a name of 1 to 200 characters")
    )
    api_key_env = fields.String(
        validate=validate.Regexp(
            r"\A[A-Za-z_][A-Za-z0-9_]{0,99}\Z", error="must be the name of an environment variable, not the key itself"
        )
    )
    headers = fields.Dict(
        keys=fields.String(
            validate=[
                validate.Regexp(r"\A[A-Za-z0-9-]{1,64}\Z", error="must be a header's name: letters, digits and -"),
                _check_header,
            ]
        ),
        values=fields.String(
            validate=validate.Regexp(
                r"\A[\x21-\x7e]([\x20-\x7e]{0,998}[\x21-\x7e])?\Z", error="must be printable ASCII"
            )
        ),
    )
    connect_timeout_seconds = _seconds("connect_timeout_s", LONGEST_CONNECT_SECONDS)
    first_token_timeout_seconds = _seconds("first_token_timeout_s", LONGEST_SILENCE_SECONDS)
    read_timeout_seconds = _seconds("read_timeout_s", LONGEST_SILENCE_SECONDS)
    deterministic = fields.Boolean(truthy={True}, falsy={False}, error_messages={"invalid": "must be true or false"})

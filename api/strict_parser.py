"""Bodies and queries as views get them: each field known, said once and well formed, or refused by name."""

from __future__ import annotations

from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes

import flask
import marshmallow
from webargs.flaskparser import FlaskParser
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge

from api.errors import InvalidRequest, MalformedBody, UnsupportedBody
from api.json_intake import parse_body
from api.schema_faults import field_errors


class StrictParser(FlaskParser):
    """Takes bodies through `api.json_intake`, and names every field that a schema refuses."""

    def load_json(self, req: flask.Request, schema: marshmallow.Schema) -> Any:
        body = _read(req) if may_be_absent(schema) else None
        if body == b"":
            return {}
        _check_form(req)
        return parse_body(_read(req) if body is None else body)

    def load_querystring(self, req: flask.Request, schema: marshmallow.Schema) -> Any:
        del schema
        _check_unicode(req.query_string)
        return each_once(req.args)

    def handle_error(self, error: marshmallow.ValidationError, *_: Any, **__: Any) -> NoReturn:
        (messages,) = error.messages_dict.values()  # webargs puts the location around them
        raise InvalidRequest.of_all(field_errors(messages)) from error


StrictParser.DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": marshmallow.RAISE}


def may_be_absent(schema: marshmallow.Schema | type[marshmallow.Schema]) -> bool:
    return bool(getattr(schema, "may_be_absent", False))


def _check_form(request: flask.Request) -> None:
    if request.mimetype != "application/json" or request.mimetype_params.get("charset", "utf-8").lower() != "utf-8":
        raise UnsupportedBody.of("Content-Type", "must be application/json")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedBody.of("Content-Encoding", "must be absent: bodies are not decompressed")


def check_empty(request: flask.Request) -> None:
    """Take no body, or an object without members."""
    if body := _read(request):
        _check_form(request)
        if members := parse_body(body):
            raise InvalidRequest.of_all(field_errors(dict.fromkeys(members, "Unknown field.")))


def _read(request: flask.Request) -> bytes:
    """The whole body; raises RequestEntityTooLarge.

    Werkzeug cuts a chunked body off at the limit and says nothing, so such a body is counted here.
    """
    limit = request.max_content_length
    if request.content_length is not None or limit is None or not request.environ.get("wsgi.input_terminated"):
        return request.get_data(cache=False)
    try:
        body: bytes = request.environ["wsgi.input"].read(limit + 1)
    except (OSError, ValueError) as error:
        raise MalformedBody.of("body", "is not sent in well-formed chunks") from error
    if len(body) > limit:
        raise RequestEntityTooLarge
    return body


def _check_unicode(query: bytes) -> None:
    """Refuse what Werkzeug would read with question marks in it."""
    for pair in query.split(b"&"):
        try:
            unquote_to_bytes(pair).decode()
        except UnicodeDecodeError as error:
            name = unquote_to_bytes(pair.partition(b"=")[0]).decode("utf-8", "backslashreplace")
            raise InvalidRequest.of(name or "query", "is not UTF-8") from error


def each_once(query: MultiDict[str, str]) -> dict[str, str]:
    """The parameters of a query, none of them twice."""
    for name, values in query.lists():
        if len(values) > 1:
            raise InvalidRequest.of(name, "is given twice")
        if any("\0" in text for text in (name, *values)):
            raise InvalidRequest.of(name.replace("\0", "\\u0000"), "holds U+0000, which is not accepted")
    return query.to_dict()

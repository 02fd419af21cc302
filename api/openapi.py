"""flask-smorest with our intake, our problems and types; everything else of it is used as it comes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, Final, Literal, NoReturn, TypeVar, cast
from urllib.parse import unquote_to_bytes

import flask
import flask_smorest  # type: ignore[import-untyped]
import marshmallow
from flask.json.provider import DefaultJSONProvider
from webargs.flaskparser import FlaskParser
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge

from api import problems
from api.auth import require_scope
from api.errors import FieldError, InvalidRequest, MalformedBody, UnsupportedBody
from api.json_intake import child, parse_body
from api.limited_requests import counted
from api.problem_schema import EXAMPLE, ProblemSchema
from api.rate_class import RateClass
from api.schema_documents import RuledSchemas
from jobs.access.api_key import Scope

View = TypeVar("View", bound=Callable[..., Any])

ANY_KEY: Final = "any key"
NO_KEY: Final = "no key"
Needed = Scope | Literal["any key", "no key"]
"""What a call needs: a key with a scope, any key, or none."""

_OF_ANY_BODY = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
"""What a call may answer that takes no body and is sent one."""


class Json(DefaultJSONProvider):
    """Members in the order in which they were written, and never a number that is not JSON."""

    sort_keys = False

    def dumps(self, obj: Any, **options: Any) -> str:
        return super().dumps(obj, allow_nan=False, **options)


class StrictParser(FlaskParser):
    """Takes bodies through `api.json_intake`, and names every field that a schema refuses."""

    def load_json(self, req: flask.Request, schema: marshmallow.Schema) -> Any:
        body = _read(req) if _may_be_absent(schema) else None
        if body == b"":
            return {}
        _check_form(req)
        return parse_body(_read(req) if body is None else body)

    def load_querystring(self, req: flask.Request, schema: marshmallow.Schema) -> Any:
        del schema
        _check_unicode(req.query_string)
        return _each_once(req.args)

    def handle_error(self, error: marshmallow.ValidationError, *_: Any, **__: Any) -> NoReturn:
        (messages,) = error.messages_dict.values()  # webargs puts the location around them
        raise InvalidRequest.of_all(_flatten(messages, "")) from error


StrictParser.DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": marshmallow.RAISE}


def _may_be_absent(schema: marshmallow.Schema | type[marshmallow.Schema]) -> bool:
    return bool(getattr(schema, "may_be_absent", False))


def _check_form(request: flask.Request) -> None:
    if request.mimetype != "application/json" or request.mimetype_params.get("charset", "utf-8").lower() != "utf-8":
        raise UnsupportedBody.of("Content-Type", "must be application/json")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedBody.of("Content-Encoding", "must be absent: bodies are not decompressed")


def _check_empty(request: flask.Request) -> None:
    """Take no body, or an object without members."""
    if body := _read(request):
        _check_form(request)
        if members := parse_body(body):
            raise InvalidRequest.of_all(_flatten(dict.fromkeys(members, "Unknown field."), ""))


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


def _each_once(query: MultiDict[str, str]) -> dict[str, str]:
    """The parameters of a query, none of them twice."""
    for name, values in query.lists():
        if len(values) > 1:
            raise InvalidRequest.of(name, "is given twice")
        if any("\0" in text for text in (name, *values)):
            raise InvalidRequest.of(name.replace("\0", "\\u0000"), "holds U+0000, which is not accepted")
    return query.to_dict()


def _flatten(messages: Any, path: str) -> list[FieldError]:
    if isinstance(messages, dict):
        return [
            found
            for key, inner in messages.items()
            for found in _flatten(inner, path if key == "_schema" else child(path, key))
        ]
    if isinstance(messages, list):
        return [found for message in messages for found in _flatten(message, path)]
    return [FieldError(path or "body", str(messages), getattr(messages, "code", None))]


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """flask-smorest's blueprint with the strict parser, whose decorators keep the types of the views."""

    ARGUMENTS_PARSER = StrictParser()

    def view(
        self,
        method: str,
        rule: str,
        *,
        scope: Needed,
        rate: RateClass | None = None,
        looks: bool = False,
        **doc: Any,
    ) -> Callable[[View], View]:
        """Route *method* and *rule* to the view, for callers with the *scope*; *doc* goes into its OpenAPI operation.

        Calls of a class, by default that of the method, are counted together; a view that only *looks* at the limits
        is held against them and takes nothing. What changes something and takes no body is called without one, or
        with `{}`.
        """
        counted_as = rate or RateClass.of_method(method)

        def register(view: View) -> View:
            is_bare = method != "GET" and not _takes_a_body(view)
            strict = self.refuses(*_OF_ANY_BODY)(_bare(view)) if is_bare else view
            if isinstance(scope, Scope):
                strict = self.refuses(HTTPStatus.FORBIDDEN)(_scoped(strict, scope))
            if scope != NO_KEY:
                strict = counted(self.refuses(HTTPStatus.TOO_MANY_REQUESTS)(strict), counted_as, looks=looks)
            documented = self.doc(**doc, **_documented(scope, counted_as))(strict)
            _join_parameters(documented)
            self.route(rule, methods=[method], endpoint=doc["operationId"])(documented)
            return view

        return register

    def takes(self, schema: type[marshmallow.Schema], **options: Any) -> Callable[[View], View]:
        """Validate the body, or with `location="query"` the query, and pass it as the first argument."""
        if _may_be_absent(schema):
            options["required"] = False
        decorator: Callable[[View], View] = self.arguments(schema, **options)
        return decorator

    def answers(
        self, status: HTTPStatus, schema: type[marshmallow.Schema] | dict[str, Any] | None = None, **options: Any
    ) -> Callable[[View], View]:
        """The ordinary answer."""
        decorator: Callable[[View], View] = self.response(status.value, schema, **options)
        return decorator

    def also_answers(
        self, status: HTTPStatus, schema: type[marshmallow.Schema] | dict[str, Any] | None = None, **options: Any
    ) -> Callable[[View], View]:
        """Another answer than the ordinary one that is no problem."""
        decorator: Callable[[View], View] = self.alt_response(status.value, schema=schema, **options)
        return decorator

    def refuses(self, *statuses: HTTPStatus) -> Callable[[View], View]:
        """Document that the view may answer with a problem of each of these statuses."""

        def document(view: View) -> View:
            for status in statuses:
                view = self.alt_response(status.value, response=status.name)(view)
            return view

        return document


def _takes_a_body(view: Callable[..., Any]) -> bool:
    arguments = getattr(view, "_apidoc", {}).get("arguments", {})
    return any(one["in"] == "json" for one in arguments.get("parameters", ()))


def _join_parameters(view: Callable[..., Any]) -> None:
    """Put the parameters that were written out beside those of its schema, which they would replace."""
    documented = getattr(view, "_apidoc", {})
    if "arguments" in documented and "parameters" in documented["manual_doc"]:
        documented["arguments"]["parameters"] += documented["manual_doc"].pop("parameters")


def _bare(view: View) -> View:
    """The view, which looks for a body that it does not take."""

    @wraps(view)
    def checked(*arguments: Any, **options: Any) -> Any:
        _check_empty(flask.request)
        return view(*arguments, **options)

    return cast("View", checked)


def _scoped(view: View, scope: Scope) -> View:
    """The view, which looks at nothing before it knows that the caller may have it."""

    @wraps(view)
    def checked(*arguments: Any, **options: Any) -> Any:
        require_scope(scope)
        return view(*arguments, **options)

    return cast("View", checked)


def _documented(needed: Needed, rate: RateClass) -> dict[str, Any]:
    return {"security": []} if needed == NO_KEY else {"x-scope": str(needed), "x-rate-limit-class": rate.value}


class ProblemApi(flask_smorest.Api):  # type: ignore[misc]
    """flask-smorest's Api, whose errors are documented as the problems that they are."""

    ERROR_SCHEMA = ProblemSchema
    DEFAULT_ERROR_RESPONSE_NAME = "DEFAULT_ERROR"

    def _register_error_handlers(self) -> None:
        """None: `api.error_handler` answers for every error."""

    def _register_pagination_header(self) -> None:
        """None: pages are told in the body and in `Link`."""

    def _register_responses(self) -> None:
        for status in HTTPStatus:
            self._register_problem(status.name, status.phrase)
        self._register_problem(self.DEFAULT_ERROR_RESPONSE_NAME, "Any other problem")

    def _register_problem(self, name: str, description: str) -> None:
        content = {problems.MEDIA_TYPE: {"schema": self.ERROR_SCHEMA, "example": EXAMPLE}}
        self.spec.components.response(name, {"description": description, "content": content}, lazy=True)


def spec_options() -> dict[str, Any]:
    """What the OpenAPI document says of the whole API."""
    return {
        "title": "Frontier",
        "version": "1.0.0",
        "openapi_version": "3.1.0",
        "marshmallow_plugin": RuledSchemas(),
        "info": {
            "description": "A durable queue in front of language models: submit a job, follow it, fetch its result. "
            "A job answered 202 reaches exactly one final state.",
        },
        "security": [{"key": []}],
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key, or the operator's (TRUTHGPT_API_TOKEN)",
                }
            }
        },
    }

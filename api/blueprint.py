"""How views are routed: each says what its caller needs, how it is counted, what it takes and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, Final, Literal, TypeVar, cast

import flask
import flask_smorest  # type: ignore[import-untyped]
import marshmallow

from api.auth import require_scope
from api.limited_requests import counted
from api.rate_class import RateClass
from api.strict_parser import StrictParser, check_empty, may_be_absent
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


_READ_BY_ITSELF = {"multipart/form-data": "files"}
_BODIES = frozenset({"json", *_READ_BY_ITSELF.values()})
"""Where flask-smorest says that arguments stand which are in a body."""


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
                strict = self.refuses(HTTPStatus.FORBIDDEN)(scoped(strict, scope))
            if scope != NO_KEY:
                strict = counted(self.refuses(HTTPStatus.TOO_MANY_REQUESTS)(strict), counted_as, looks=looks)
            documented = self.doc(**doc, **_documented(scope, counted_as))(strict)
            _join_parameters(documented)
            self.route(rule, methods=[method], endpoint=doc["operationId"])(documented)
            return view

        return register

    def takes(self, schema: type[marshmallow.Schema], **options: Any) -> Callable[[View], View]:
        """Validate the body, or with `location="query"` the query, and pass it as the first argument."""
        if may_be_absent(schema):
            options["required"] = False
        decorator: Callable[[View], View] = self.arguments(schema, **options)
        return decorator

    def reads(self, schema: type[marshmallow.Schema], **options: Any) -> Callable[[View], View]:
        """Document a body that the view reads by itself, as it arrives."""
        body = {"in": _READ_BY_ITSELF[options["content_type"]], "required": True, "schema": schema, **options}

        def document(view: View) -> View:
            documented = dict(getattr(view, "_apidoc", {}))
            documented["arguments"] = {"parameters": [body], "responses": {}}
            view._apidoc = documented  # type: ignore[attr-defined]  # noqa: SLF001 - flask-smorest's own name
            return view

        return document

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
    return any(one["in"] in _BODIES for one in arguments.get("parameters", ()))


def _join_parameters(view: Callable[..., Any]) -> None:
    """Put the parameters that were written out beside those of its schema, which they would replace."""
    documented = getattr(view, "_apidoc", {})
    if "arguments" in documented and "parameters" in documented["manual_doc"]:
        documented["arguments"]["parameters"] += documented["manual_doc"].pop("parameters")


def _bare(view: View) -> View:
    """The view, which looks for a body that it does not take."""

    @wraps(view)
    def checked(*arguments: Any, **options: Any) -> Any:
        check_empty(flask.request)
        return view(*arguments, **options)

    return cast("View", checked)


def scoped(view: View, scope: Scope) -> View:
    """The view, which looks at nothing before it knows that the caller may have it."""

    @wraps(view)
    def checked(*arguments: Any, **options: Any) -> Any:
        require_scope(scope)
        return view(*arguments, **options)

    return cast("View", checked)


def _documented(needed: Needed, rate: RateClass) -> dict[str, Any]:
    return {"security": []} if needed == NO_KEY else {"x-scope": str(needed), "x-rate-limit-class": rate.value}

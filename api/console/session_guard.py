"""Stands before every page: no page without a session, and nothing changes but by a form of ours."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, current_app, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from api.auth import Caller, caller
from api.console.own_pages import check_origin, check_token, token_of
from api.console.pages import Pages, is_open
from api.console.visits import session
from api.error_handler import problem_response
from api.errors import NotAuthenticated
from jobs.access.api_key import Scope

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_KEPT_HEADERS = ("Retry-After", "Allow")


def add_session_guard(app: Flask, pages: Pages) -> None:
    """Check what comes to *pages*, and show there in words what is refused."""

    @pages.before_request
    def check() -> None:
        found = session()
        is_unsafe = request.method not in _SAFE
        if is_unsafe:
            check_origin(request)
        if is_open(current_app.view_functions[str(request.endpoint)]):
            return
        if found is None:
            raise NotAuthenticated("The session has ended, or was never begun. Log in and try again.")
        if is_unsafe:
            check_token(request, found.text)

    pages.register_error_handler(Exception, _told)
    pages.context_processor(_visitor)
    app.after_request(_kept_private)


def _told(error: Exception) -> AnyResponse:
    """The problem as a page, or the way to the login where that helps."""
    if request.path.endswith(".json"):
        return problem_response(error)
    if isinstance(error, NotAuthenticated) and request.method == "GET":
        here = request.full_path.rstrip("?")
        return redirect("/login" if here == "/" else f"/login?{urlencode({'to': here})}", HTTPStatus.SEE_OTHER)
    answer = problem_response(error)
    told = Response(render_template("problem.html", problem=answer.get_json()), answer.status)
    told.headers.extend({name: answer.headers[name] for name in _KEPT_HEADERS if name in answer.headers})
    return told


def _visitor() -> dict[str, Any]:
    """What every page may ask for."""
    found = session()
    return {
        "visitor": visitor_of(caller()) if found else None,
        "csrf": token_of(found.text) if found else "",
    }


def _kept_private(response: Response) -> Response:
    """What a session is answered is for that browser alone, and is not kept there."""
    if session() is not None:
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def visitor_of(caller: Caller) -> dict[str, Any]:
    """Who has logged in, and what for."""
    return {
        "tenant": caller.tenant,
        "key_id": caller.key_id,
        "may_write": Scope.JOBS_WRITE in caller.scopes,
        "may_read": Scope.JOBS_READ in caller.scopes,
        "may_see_deliveries": Scope.WEBHOOKS_MANAGE in caller.scopes,
    }

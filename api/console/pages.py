"""How pages are routed: each says what its visitor needs, and how it is counted; browsers are told what it may do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import flask
from flask import Response

from api.blueprint import NO_KEY, Needed, scoped
from api.limited_requests import counted
from api.rate_class import RateClass
from jobs.access.api_key import Scope

View = TypeVar("View", bound=Callable[..., Any])

NAME: Final = "console"
_NEEDED = "needed_of_visitors"

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # With `no-referrer` browsers would not name the origin of a form.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Pages(flask.Blueprint):
    """The blueprint of all pages."""

    def __init__(self) -> None:
        super().__init__(NAME, __name__, template_folder="templates")
        self.after_request(_guarded)

    def page(self, method: str, rule: str, *, scope: Needed, rate: RateClass | None = None) -> Callable[[View], View]:
        """Route *method* and *rule* to the view, for visitors whose key has the *scope*."""

        def register(view: View) -> View:
            checked = scoped(view, scope) if isinstance(scope, Scope) else view
            if scope != NO_KEY:
                checked = counted(checked, rate or RateClass.of_method(method), looks=False)
            setattr(checked, _NEEDED, scope)
            self.add_url_rule(rule, view.__name__, checked, methods=[method])
            return view

        return register


def needed(view: Callable[..., Any]) -> Needed:
    """What a visitor needs for a page."""
    found: Needed = getattr(view, _NEEDED)
    return found


def is_open(view: Callable[..., Any]) -> bool:
    """Whether it needs nobody to log in."""
    return needed(view) == NO_KEY


def _guarded(response: Response) -> Response:
    response.headers.update(_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    return response

"""Begins and ends sessions: `/login`, with a key or with the code of a link, and `/logout`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from flask import Response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from api.auth import Failures, OperatorKey, refuse_address, turn_away
from api.blueprint import ANY_KEY, NO_KEY
from api.console import cookie
from api.console.pages import Pages
from api.errors import NotAuthenticated
from api.key_ring import KeyRing
from jobs.access.sessions import Session, SessionStore, is_invitation
from jobs.job import OPERATOR_KEY

_OWN_PATH = re.compile(r"/(?![/\\])[\x21-\x7e]*")


@dataclass(frozen=True, kw_only=True)
class Login:
    """Begins a session with whatever opens the API, within what an address may try; `note` is told of each."""

    sessions: SessionStore
    operator: OperatorKey
    ring: KeyRing
    failures: Failures
    note: Callable[[Session], object]

    def begin(self, given: str) -> Session:
        """Raises NotAuthenticated, RateLimited, StorageFull or StoreUnavailable."""
        session = self.sessions.begin(self._key_id(given))
        self.note(session)
        return session

    def _key_id(self, given: str) -> str:
        if self.operator.is_given(given):
            return OPERATOR_KEY
        refused = self.failures.refusal(request.remote_addr)
        if refused is not None and not self.ring.recognises(given):
            refuse_address(refused)
        if is_invitation(given):
            if self.sessions.redeem(given):
                return OPERATOR_KEY
            turn_away(self.failures, "This link was used before, or is too old. Log in with a key.")
        found = self.ring.identify(given)
        if found is None:
            turn_away(self.failures, "This is no key, or none any more.")
        return found.key_id


def add_login(pages: Pages, login: Login) -> None:
    """Add the pages; whoever logs in gets a new session, whatever the browser had before."""

    @pages.page("GET", "/login", scope=NO_KEY)
    def show_login() -> str:
        return render_template("login.html", to=_destination(request.args), complaint=None)

    @pages.page("POST", "/login", scope=NO_KEY)
    def log_in() -> AnyResponse:
        to = _destination(request.form)
        try:
            begun = login.begin(request.form.get("key", "").strip())
        except NotAuthenticated as error:
            text = render_template("login.html", to=to, complaint=error.detail)
            return Response(text, HTTPStatus.UNAUTHORIZED)
        _end_shown_session(login.sessions)
        response = redirect(to, HTTPStatus.SEE_OTHER)
        cookie.hand_out(request, response, begun.text)
        return response

    @pages.page("POST", "/logout", scope=ANY_KEY)
    def log_out() -> AnyResponse:
        _end_shown_session(login.sessions)
        response = redirect("/login", HTTPStatus.SEE_OTHER)
        cookie.take_back(request, response)
        return response


def _end_shown_session(sessions: SessionStore) -> None:
    if (shown := cookie.session_text(request)) is not None:
        sessions.end(shown)


def _destination(given: Mapping[str, str]) -> str:
    """Where to go after the login: a page of ours, whatever is asked for."""
    to = given.get("to", "/")
    return to if _OWN_PATH.fullmatch(to) else "/"

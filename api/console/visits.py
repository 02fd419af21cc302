"""Whose session a request comes with: what `api.auth` asks of browsers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from flask import current_app, g, request

from api.auth import OPERATOR, Caller
from api.console import cookie
from api.console.own_pages import HEADER, is_token_of
from api.console.pages import NAME, is_open
from jobs.access.sessions import Session, SessionStore
from jobs.job import OPERATOR_KEY

MOST_SEEN = 10_000
SEEN_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Visits:
    """Finds callers by their sessions; `caller_of` by the id of a key that has logged in. `clock` is monotonic.

    On a page the cookie is enough. Elsewhere each request, also one that changes nothing, has to carry the token that
    the pages of the session have: the cookie alone opens nothing of the API.
    """

    sessions: SessionStore
    caller_of: Callable[[str], Caller | None]
    clock: Callable[[], float]
    _seen_at: dict[str, float] = field(default_factory=dict)

    def passes(self) -> bool:
        if request.blueprint != NAME:
            return False
        return cookie.session_text(request) is None or is_open(current_app.view_functions[str(request.endpoint)])

    def recognises(self) -> bool:
        text = self._shown()
        return text is not None and self.clock() - self._seen_at.get(text, -SEEN_SECONDS) < SEEN_SECONDS

    def identify(self) -> Caller | None:
        text = self._shown()
        session = self.sessions.find(text) if text is not None else None
        if session is None:
            return None
        found = OPERATOR if session.key_id == OPERATOR_KEY else self.caller_of(session.key_id)
        if found is None:
            self.sessions.end(session.text)
            return None
        g.session = session
        self.note(session)
        return found

    def note(self, session: Session) -> None:
        """It is good now."""
        self._seen_at.pop(session.text, None)
        self._seen_at[session.text] = self.clock()
        if len(self._seen_at) > MOST_SEEN:
            del self._seen_at[next(iter(self._seen_at))]

    def _shown(self) -> str | None:
        text = cookie.session_text(request)
        if text is None or request.blueprint == NAME:
            return text
        return text if is_token_of(text, request.headers.get(HEADER, "")) else None


def session() -> Session | None:
    """That of the request at hand."""
    found: Session | None = g.get("session")
    return found

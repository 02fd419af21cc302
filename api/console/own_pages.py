"""Tells requests that pages of ours make from those that other pages make with our visitor's cookie."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from flask import Request

from api.errors import ForeignPage

FIELD = "csrf"
HEADER = "X-CSRF-Token"

_PURPOSE = b"frontier: pages of the console"


def token_of(session_text: str) -> str:
    """What pages of a session send along; only who has the session can tell it."""
    return hmac.digest(session_text.encode(), _PURPOSE, "sha256").hex()


def is_token_of(session_text: str, given: str) -> bool:
    return hmac.compare_digest(token_of(session_text).encode(), given.encode())


def check_origin(request: Request) -> None:
    """Raise ForeignPage unless a browser says that a page of this host sends the request.

    Every browser that is in use names the origin of a form, or says that it is the same.
    """
    named = request.headers.get("Origin")
    if named is not None:
        origin = urlsplit(named)
        is_own = origin.scheme in {"http", "https"} and origin.netloc == request.host
    else:
        is_own = request.headers.get("Sec-Fetch-Site") == "same-origin"
    if not is_own:
        raise ForeignPage("Open the page of the console anew, at the address where it is served, and try again there.")


def check_token(request: Request, session_text: str) -> None:
    """Raise ForeignPage unless the form was made for this session."""
    if not is_token_of(session_text, request.form.get(FIELD, "")):
        raise ForeignPage("The form is of another session, or of none. Open its page anew and try again.")

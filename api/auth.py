"""Who asks: a request carries an API key or the operator's, and acts for the key's tenant."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, g, request

from api.errors import MissingScope, NotAuthenticated
from jobs.access.api_key import Scope
from jobs.job import OPERATOR_KEY

OPERATOR_TENANT = "default"

_OPEN = frozenset({"/health", "/health/live", "/health/ready", "/docs", "/openapi.json"})
_OPEN_BELOW = ("/docs/", "/problems/")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose request it is, with which key, and what that one may be used for."""

    tenant: str
    key_id: str
    scopes: frozenset[Scope]


OPERATOR = Caller(OPERATOR_TENANT, OPERATOR_KEY, frozenset(Scope))

Identify = Callable[[str], Caller | None]
"""Whose key a text is; None if it is nobody's. Raises StoreUnavailable."""


def require_key(app: Flask, token: str, identify: Identify) -> None:
    """Let only requests with a key pass, but for the health, the documentation and the static page."""
    expected = _digest(token)

    @app.before_request
    def check() -> None:
        if request.path in _OPEN or request.path.startswith(_OPEN_BELOW):
            return
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        given = given.strip()
        # Digests have one length, so the comparison tells nothing about the key.
        is_operator = hmac.compare_digest(_digest(given), expected)
        found = None
        if scheme.lower() == "bearer":
            found = OPERATOR if is_operator else identify(given)
        if found is None:
            raise NotAuthenticated("Send a valid key as `Authorization: Bearer KEY`.")
        g.caller = found


def caller() -> Caller:
    """Who has sent the request at hand."""
    found: Caller = g.caller
    return found


def require_scope(scope: Scope) -> None:
    """Raise MissingScope unless the caller's key has it."""
    if scope not in caller().scopes:
        raise MissingScope(scope)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()

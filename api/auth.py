"""Who may ask: for now the operator, with one key, as the tenant `default`."""

from __future__ import annotations

import hashlib
import hmac

from flask import Flask, request

from api.errors import NotAuthenticated

TENANT = "default"

_OPEN = frozenset({"/health", "/health/live", "/health/ready", "/docs", "/openapi.json"})
_OPEN_BELOW = ("/docs/", "/problems/")


def require_key(app: Flask, token: str) -> None:
    """Let only requests with the operator's key pass, but for the health, the documentation and the static page."""
    expected = _digest(token)

    @app.before_request
    def check() -> None:
        if request.path in _OPEN or request.path.startswith(_OPEN_BELOW):
            return
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        # Digests have one length, so the comparison tells nothing about the key.
        is_key = hmac.compare_digest(_digest(given.strip()), expected)
        if scheme.lower() != "bearer" or not is_key:
            raise NotAuthenticated("Send the operator's key as `Authorization: Bearer KEY`.")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()

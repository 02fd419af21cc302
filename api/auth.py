"""Who asks: a request carries an API key or the operator's, and acts for the key's tenant."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import NoReturn, Protocol

from flask import Flask, g, request

from api.errors import MissingScope, NotAuthenticated, RateLimited
from jobs.access.api_key import Scope
from jobs.access.key_limits import Limits
from jobs.job import OPERATOR_KEY
from resilience.rate_limit.decision import Decision

OPERATOR_TENANT = "default"

_OPEN = frozenset({"/health", "/health/live", "/health/ready", "/docs", "/openapi.json"})
_OPEN_BELOW = ("/docs/", "/problems/")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose request it is, with which key, and what that one may be used for, and how often: None is as all keys."""

    tenant: str
    key_id: str
    scopes: frozenset[Scope]
    limits: Limits | None = None


OPERATOR = Caller(OPERATOR_TENANT, OPERATOR_KEY, frozenset(Scope))


class Keys(Protocol):
    """The keys of clients: `api.key_ring.KeyRing`."""

    def identify(self, text: str) -> Caller | None:
        """Whose key it is; None if it is nobody's. Raises StoreUnavailable."""

    def recognises(self, text: str) -> bool:
        """Whether it was somebody's when it was asked for last; asks nobody."""


class Failures(Protocol):
    """What counts requests without a valid key: `api.failed_keys.FailedKeys`."""

    def refusal(self, address: str | None) -> Decision | None:
        """What an address is told that has sent too many; None for every other. Asks nobody."""

    def count(self, address: str | None) -> Decision | None:
        """One more; how the address stands then, None if that does not matter."""


def require_key(app: Flask, token: str, keys: Keys, failures: Failures) -> None:
    """Let only requests with a key pass, but for the health, the documentation and the static page.

    An address that has sent too many without is refused before anything is looked up; what comes from there with a key
    that is in use here is somebody else's behind the same address, and passes.
    """
    expected = _digest(token)

    @app.before_request
    def check() -> None:
        if request.path in _OPEN or request.path.startswith(_OPEN_BELOW):
            return
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        given = given.strip()
        # Digests have one length, so the comparison tells nothing about the key.
        is_operator = hmac.compare_digest(_digest(given), expected)
        is_bearer = scheme.lower() == "bearer"
        if is_bearer and is_operator:
            g.caller = OPERATOR
            return
        refused = failures.refusal(request.remote_addr)
        if refused is not None and not (is_bearer and keys.recognises(given)):
            refuse(refused)
        found = keys.identify(given) if is_bearer else None
        if found is None:
            standing = failures.count(request.remote_addr)
            if standing is not None and not standing.allowed:
                refuse(standing)
            g.standing_of_address = standing
            raise NotAuthenticated("Send a valid key as `Authorization: Bearer KEY`.")
        g.caller = found

    def refuse(standing: Decision) -> NoReturn:
        g.standing_of_address = standing
        raise RateLimited(standing, "Too many requests without a valid key have come from this address")


def standing_of_address() -> Decision | None:
    """How the address stands of a request at hand that came without a valid key."""
    found: Decision | None = g.get("standing_of_address")
    return found


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

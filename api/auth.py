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


class Browsers(Protocol):
    """Who comes with a session in the place of a key, to the request at hand: `api.console.visits.Visits`."""

    def passes(self) -> bool:
        """Whether it is for a page that anybody may have, or that sends whoever has no session to log in."""

    def recognises(self) -> bool:
        """Whether its session was good when it was asked for last; asks nobody."""

    def identify(self) -> Caller | None:
        """Whose session it is; None if it is nobody's. Raises StoreUnavailable."""


class NoBrowsers:
    """Of an API without pages."""

    def passes(self) -> bool:
        return False

    def recognises(self) -> bool:
        return False

    def identify(self) -> Caller | None:
        return None


class OperatorKey:
    """The key of the deployment itself, which is compared and not looked up."""

    def __init__(self, token: str) -> None:
        self._digest = _digest(token)

    def is_given(self, text: str) -> bool:
        # Digests have one length, so the comparison tells nothing about the key.
        return hmac.compare_digest(_digest(text), self._digest)


def require_key(app: Flask, operator: OperatorKey, keys: Keys, failures: Failures, browsers: Browsers) -> None:
    """Let only requests with a key or a session pass, but for the health, the documentation and open pages.

    An address that has sent too many without is refused before anything is looked up; what comes from there with a key
    or a session that is in use here is somebody else's behind the same address, and passes.
    """

    @app.before_request
    def check() -> None:
        if request.path in _OPEN or request.path.startswith(_OPEN_BELOW):
            return
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        given = given.strip()
        is_bearer = scheme.lower() == "bearer"
        if is_bearer and operator.is_given(given):
            g.caller = OPERATOR
            return
        if not is_bearer and browsers.passes():
            return
        refused = failures.refusal(request.remote_addr)
        if refused is not None and not (keys.recognises(given) if is_bearer else browsers.recognises()):
            refuse_address(refused)
        found = keys.identify(given) if is_bearer else browsers.identify()
        if found is None:
            turn_away(failures, "Send a valid key as `Authorization: Bearer KEY`.")
        g.caller = found


def turn_away(failures: Failures, detail: str) -> NoReturn:
    """Count the request at hand for its address. Raises NotAuthenticated, or RateLimited for one too many."""
    standing = failures.count(request.remote_addr)
    if standing is not None and not standing.allowed:
        refuse_address(standing)
    g.standing_of_address = standing
    raise NotAuthenticated(detail)


def refuse_address(standing: Decision) -> NoReturn:
    """Raise RateLimited for an address that is over its limit."""
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

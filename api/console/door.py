"""How browsers get in: by a login, and then by their session."""

from __future__ import annotations

import time
from dataclasses import dataclass

import redis

from api.auth import Browsers, Failures, NoBrowsers, OperatorKey
from api.console.login import Login
from api.console.visits import Visits
from api.key_ring import KeyRing
from api.settings import ApiSettings
from jobs.access.sessions import SessionStore


@dataclass(frozen=True, kw_only=True)
class Door:
    """`login` is None where there is no console, and no browser gets in."""

    operator: OperatorKey
    browsers: Browsers
    login: Login | None


def door(client: redis.Redis, settings: ApiSettings, *, ring: KeyRing, failures: Failures) -> Door:
    """The door of a process, to be watched by `api.auth`."""
    operator = OperatorKey(settings.token)
    if not settings.console.is_on:
        return Door(operator=operator, browsers=NoBrowsers(), login=None)
    sessions = SessionStore(
        client,
        operator_key=settings.token,
        longest_seconds=settings.console.longest_seconds,
        idle_seconds=settings.console.idle_seconds,
    )
    visits = Visits(sessions=sessions, caller_of=ring.caller_of, clock=time.monotonic)
    login = Login(sessions=sessions, operator=operator, ring=ring, failures=failures, note=visits.note)
    return Door(operator=operator, browsers=visits, login=login)

"""Limits of tenants: those of a tenant of the checks' own are set, and taken away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from scripts.test_api.answer import Answer, Skipped, expect
from scripts.test_api.check import case
from scripts.test_api.keys import TENANT
from scripts.test_api.system import System

TENANTS = "/v1/admin/tenants"
SOME = {"tokens_per_day": 1000}
LIMITS = f"{TENANTS}/{{id}}/limits"


@case("tenants", f"PUT {LIMITS}", "limits of its own, and how it stands; a wrong one is named")
def put(system: System) -> None:
    with _limits(system) as told:
        expect(told["limits"].items() >= SOME.items(), "the limit is another")
        expect(any(one["policy"] == "tokens-per-day" for one in told["standing"]), "it does not stand by it")
        system.call(f"PUT {LIMITS}", TENANT, json={"weight": 3}).refuses(422, "invalid-request")


@case("tenants", f"GET {LIMITS}", "the same")
def look(system: System) -> None:
    with _limits(system) as told:
        found = system.call(f"GET {LIMITS}", TENANT).expect(200)
        expect(found["limits"] == told["limits"], "the limits are others")


@case("tenants", f"GET {TENANTS}", "a page of tenants, with this one")
def listing(system: System) -> None:
    with _limits(system):
        found = system.call(f"GET {TENANTS}", query={"after": TENANT[:-1], "limit": "100"}).expect(200)
        names = [one["id"] for one in found["data"]]
        expect(TENANT in names, "it is not listed")


@case("tenants", f"DELETE {LIMITS}", "no limits of its own any more, also at a repeat")
def delete(system: System) -> None:
    with _limits(system):
        for _ in range(2):
            told = system.call(f"DELETE {LIMITS}", TENANT).expect(200)
            expect(set(told["limits"].values()) == {None}, "there are limits still")


@contextmanager
def _limits(system: System) -> Iterator[Answer]:
    """Limits for the length of the block; skips the check where the key at hand may set none."""
    told = system.call(f"PUT {LIMITS}", TENANT, json=SOME).expect(200, 403)
    if told.status == HTTPStatus.FORBIDDEN:
        told.refuses(403, "missing-scope")
        raise Skipped("this key has no scope admin")
    try:
        yield told
    finally:
        system.call(f"DELETE {LIMITS}", TENANT).expect(200)


CASES = (put, look, listing, delete)

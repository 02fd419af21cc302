"""API keys: one is made for a tenant of the checks' own, and revoked; it stays listed for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from scripts.test_api.answer import Answer, Skipped, expect
from scripts.test_api.check import case
from scripts.test_api.system import System

KEYS = "/v1/admin/keys"
ONE = f"{KEYS}/{{id}}"
TENANT = "frontier-test-api"
UNKNOWN = "key_0000000000000000000000"


@case("keys", f"POST {KEYS}", "a key of its tenant, shown once")
def make(system: System) -> None:
    with _key(system) as made:
        expect(made["tenant"] == TENANT and made["status"] == "live", "it is another tenant's, or not live")
        expect(str(made["key"]).startswith("fr_"), "the key is not shown")


@case("keys", f"GET {KEYS}", "a page of keys, without the keys themselves")
def listing(system: System) -> None:
    with _key(system) as made:
        listed = system.call(f"GET {KEYS}", query={"tenant": TENANT, "limit": "1"}).expect(200)["data"]
        expect([one["id"] for one in listed] == [made["id"]], "the newest is not this one")
        expect("key" not in listed[0], "the key is shown again")


@case("keys", f"GET {ONE}", "one of them; an unknown one is 404")
def look(system: System) -> None:
    with _key(system) as made:
        expect(system.call(f"GET {ONE}", str(made["id"])).expect(200)["scopes"] == ["jobs:read"], "other scopes")
    system.call(f"GET {ONE}", UNKNOWN).refuses(404, "key-not-found")


@case("keys", f"PATCH {ONE}", "other limits, then the usual ones; what limits nothing is refused")
def change(system: System) -> None:
    with _key(system) as made:
        for limits in ({"requests_per_minute": 60, "requests_per_hour": 1000, "burst": 10}, "none", None):
            changed = system.call(f"PATCH {ONE}", str(made["id"]), json={"limits": limits}).expect(200)
            expect(changed["limits"] == limits, "it has other limits")
        refused = system.call(f"PATCH {ONE}", str(made["id"]), json={"limits": {}})
        refused.refuses(422, "invalid-request").blames("limits")


@case("keys", f"POST {ONE}/rotate", "a successor; both live, neither is rotated")
def rotate(system: System) -> None:
    operation = f"POST {ONE}/rotate"
    with _key(system) as made:
        successor = system.call(operation, str(made["id"]), json={"overlap_s": 60}).expect(201)
        try:
            expect(successor["rotated_from"] == made["id"], "the successor does not name the key")
            system.call(operation, str(made["id"])).refuses(409, "key-has-other")
        finally:
            system.call(f"DELETE {ONE}", str(successor["id"])).expect(200)


@case("keys", f"DELETE {ONE}", "revoked, and a repeat finds it so")
def revoke(system: System) -> None:
    with _key(system) as made:
        for _ in range(2):
            expect(system.call(f"DELETE {ONE}", str(made["id"])).expect(200)["status"] == "revoked", "it is not")


@contextmanager
def _key(system: System) -> Iterator[Answer]:
    """A key for the length of the block; skips the check where the key at hand may make none."""
    body = {"tenant": TENANT, "scopes": ["jobs:read"], "name": "frontier test-api", "expires_in_s": 600}
    made = system.call(f"POST {KEYS}", json=body).expect(201, 403)
    if made.status == HTTPStatus.FORBIDDEN:
        made.refuses(403, "missing-scope")
        raise Skipped("this key has no scope admin")
    try:
        yield made
    finally:
        system.call(f"DELETE {ONE}", str(made["id"])).expect(200)


CASES = (make, listing, look, change, rotate, revoke)

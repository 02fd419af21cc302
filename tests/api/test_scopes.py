"""Which scope each call needs, over the map of URLs: a new route cannot be forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from api.addresses import REFUSAL
from api.auth import OPERATOR
from api.console.pages import NAME as CONSOLE
from api.process import ApiProcess
from jobs.access.api_key import Scope
from tests.api.conftest import Api

OPEN = {"/openapi.json", "/docs", "/docs/<name>", "/problems/<slug>"}
"""Refuses methods, below an address where names may hold slashes."""


def calls(process: ApiProcess) -> Iterator[tuple[str, str, str]]:
    """Method, path and rule of every route but those of the documentation, and of the console, which has its own."""
    for rule in process.url_map.iter_rules():
        if rule.rule in OPEN or rule.endpoint.startswith((REFUSAL, f"{CONSOLE}.")):
            continue
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield method, re.sub(r"<(?:path:)?(\w+)>", "unknown", rule.rule), rule.rule


@pytest.fixture
def needed(process: ApiProcess) -> dict[tuple[str, str], str | None]:
    """By method and rule, what the document says; None where no key is needed."""
    document: Any = process.test_client().get("/openapi.json").json
    return {
        (method.upper(), re.sub(r"\{(\w+)\}", r"<\1>", path)): operation.get("x-scope")
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }


def test_every_call_says_what_it_needs(process: ApiProcess, needed: dict[tuple[str, str], str | None]) -> None:
    rules = {(method, rule.replace("path:", "")) for method, _, rule in calls(process)}

    assert rules == set(needed)
    assert {rule for (_, rule), scope in needed.items() if scope is None} == {
        "/health",
        "/health/live",
        "/health/ready",
    }
    assert {rule for (_, rule), scope in needed.items() if scope == "any key"} == {
        "/v1/models",
        "/v1/models/<name>",
        "/v1/webhook_event_types",
    }
    assert set(needed.values()) - {None, "any key"} == set(Scope)


def test_what_is_the_operators_needs_the_scope_admin(needed: dict[tuple[str, str], str | None]) -> None:
    admins = {rule for (_, rule), scope in needed.items() if scope == "admin"}

    assert admins == {
        "/metrics",
        "/v1/admin/keys",
        "/v1/admin/keys/<key_id>",
        "/v1/admin/keys/<key_id>/rotate",
        "/v1/admin/tenants",
        "/v1/admin/tenants/<tenant>/limits",
        "/v1/circuits/<key>",
        "/v1/circuits/<key>/force",
        "/v1/models/<name>/pause",
        "/v1/models/<name>/drain",
        "/v1/models/<name>/resume",
    }


def test_without_its_scope_every_call_is_403_before_anything_is_looked_at(
    api: Api, process: ApiProcess, needed: dict[tuple[str, str], str | None]
) -> None:
    without = {scope: api.of("acme", *(other for other in Scope if other != scope)) for scope in Scope}
    alone = {scope: api.of("acme", scope) for scope in Scope}
    for method, path, rule in calls(process):
        scope = needed[method, rule.replace("path:", "")]
        if scope is None or scope == "any key":
            assert alone[Scope.JOBS_READ].send(method, path).status_code in {200, 404}, (method, path)
            continue
        refused = without[Scope(scope)].send(method, path)

        assert refused.status_code == 403, (method, path)
        assert refused.json["type"] == "/problems/missing-scope"
        assert scope in refused.json["detail"]
        assert refused.json["error"]["code"] == "missing_scope"
        assert scope in refused.json["error"]["message"]
        assert f'error="insufficient_scope", scope="{scope}"' in refused.headers["WWW-Authenticate"]
        assert alone[Scope(scope)].send(method, path).status_code not in {401, 403}, (method, path)


def test_the_operators_key_has_every_scope_and_the_tenant_default(api: Api) -> None:
    job_id = api.submit()

    assert OPERATOR.scopes == set(Scope)
    assert api.of("default").get(f"/v1/jobs/{job_id}").status_code == 200
    assert api.of("acme").get(f"/v1/jobs/{job_id}").status_code == 404


def test_an_address_that_is_none_is_404_for_whoever_has_a_key(api: Api) -> None:
    assert api.of("acme", "jobs:read").get("/v1/nowhere").status_code == 404

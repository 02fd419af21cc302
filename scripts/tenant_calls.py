"""Limits of tenants over the API: what `frontier tenants` calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import requests

from scripts.api_errors import ApiProblem, json_object
from scripts.transport import Call, Transport

PATH = "/v1/admin/tenants"
PAGE = 100


class TenantCalls:
    """All of them may be repeated."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def listed(self) -> Iterator[dict[str, Any]]:
        """Every tenant, by name."""
        query = {"limit": str(PAGE)}
        while True:
            page = _document(self._transport.send(Call(method="GET", path=PATH, query=query)), "data", "has_more")
            yield from page["data"]
            if not page["has_more"]:
                return
            query["after"] = page["last_id"]

    def show(self, tenant: str) -> dict[str, Any]:
        """One tenant with its limits and how it stands."""
        return self._tenant(Call(method="GET", path=_of(tenant)))

    def set(self, tenant: str, changes: Mapping[str, float | None]) -> dict[str, Any]:
        """Change some of its limits; None takes one away."""
        limits = dict(self.show(tenant)["limits"]) | dict(changes)
        return self._tenant(Call(method="PUT", path=_of(tenant), json=limits))

    def _tenant(self, call: Call) -> dict[str, Any]:
        return _document(self._transport.send(call), "id", "limits", "defaults", "standing")


def _of(tenant: str) -> str:
    return f"{PATH}/{quote(tenant, safe='')}/limits"


def _document(response: requests.Response, *members: str) -> dict[str, Any]:
    body = json_object(response)
    if any(member not in body for member in members):
        title = "what answers there does not speak Frontier's API of tenants"
        raise ApiProblem(status=response.status_code, title=title)
    return body

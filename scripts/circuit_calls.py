"""Circuits over the API: what `frontier circuits` calls."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import quote

from scripts.api_errors import ApiProblem, json_object
from scripts.transport import Call, Transport

PATH = "/v1/circuits"
OF_MODEL = "model:"

Forced = Literal["open", "closed"]


class CircuitCalls:
    """A circuit is named by its key, such as `endpoint:ID`, or by the name of its model."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def listed(self, *, tenant: str | None = None) -> list[dict[str, Any]]:
        """Those of models, and of a tenant's endpoints and origins, by default those of the key's own."""
        call = Call(method="GET", path=PATH, query=_whose(tenant))
        listed: list[dict[str, Any]] = self._json(call, "data")["data"]
        return listed

    def force(self, name: str, state: Forced | None, *, tenant: str | None = None) -> dict[str, Any]:
        """The circuit after it was held open or closed, or let go of; *tenant* is whose endpoint or origin it is."""
        key = name if ":" in name else OF_MODEL + name
        path = f"{PATH}/{quote(key, safe='/:')}/force"
        call = Call(method="POST", path=path, json={"state": state}, query=_whose(tenant))
        return self._json(call, "key", "state")

    def _json(self, call: Call, *members: str) -> dict[str, Any]:
        response = self._transport.send(call)
        body = json_object(response)
        if any(member not in body for member in members):
            title = "what answers there does not speak Frontier's API of circuits"
            raise ApiProblem(status=response.status_code, title=title)
        return body


def _whose(tenant: str | None) -> dict[str, str] | None:
    return None if tenant is None else {"tenant": tenant}

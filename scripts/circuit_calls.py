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
    """A circuit is named by its key, such as `model:NAME`, or by the name of its model."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def listed(self) -> list[dict[str, Any]]:
        """All that there are."""
        listed: list[dict[str, Any]] = self._json(Call(method="GET", path=PATH), "data")["data"]
        return listed

    def force(self, name: str, state: Forced | None) -> dict[str, Any]:
        """The circuit after it was held open or closed, or let go of."""
        key = name if ":" in name else OF_MODEL + name
        path = f"{PATH}/{quote(key, safe='/:')}/force"
        return self._json(Call(method="POST", path=path, json={"state": state}), "key", "state")

    def _json(self, call: Call, *members: str) -> dict[str, Any]:
        response = self._transport.send(call)
        body = json_object(response)
        if any(member not in body for member in members):
            title = "what answers there does not speak Frontier's API of circuits"
            raise ApiProblem(status=response.status_code, title=title)
        return body

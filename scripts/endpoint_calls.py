"""Webhook endpoints over the API, as `frontier listen` makes one and takes it away."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import requests

from scripts.api_errors import ApiProblem, json_object
from scripts.transport import Call, Transport

PATH = "/v1/webhook_endpoints"
PAGE = 100


class EndpointCalls:
    """What makes an endpoint is asked once, for a repeat would make another."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def event_types(self) -> list[str]:
        """What an endpoint can subscribe to."""
        listed = self._document(self._transport.send(Call(method="GET", path="/v1/webhook_event_types")), "data")
        return [str(name) for name in listed["data"]]

    def listed(self) -> list[dict[str, Any]]:
        """Newest first; no tenant has more than fit on one page."""
        call = Call(method="GET", path=PATH, query={"limit": str(PAGE)})
        return list(self._document(self._transport.send(call), "data")["data"])

    def make(self, name: str, url: str, event_types: list[str]) -> dict[str, Any]:
        """The new endpoint with its secret."""
        body = {"name": name, "url": url, "event_types": event_types}
        response = self._transport.send_once(Call(method="POST", path=PATH, json=body))
        if not response.ok:
            raise ApiProblem.from_response(response)
        return self._document(response, "id", "signing_secret")

    def delete(self, endpoint_id: str) -> None:
        """To take away one that is gone is no error."""
        response = self._transport.send_once(Call(method="DELETE", path=f"{PATH}/{quote(endpoint_id, safe='')}"))
        if not response.ok and response.status_code != HTTPStatus.NOT_FOUND:
            raise ApiProblem.from_response(response)

    def _document(self, response: requests.Response, *members: str) -> dict[str, Any]:
        body = json_object(response)
        if any(member not in body for member in members):
            raise ApiProblem.of_stranger(self._transport.url, response)
        return body

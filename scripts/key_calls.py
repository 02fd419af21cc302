"""API keys over the API: what `frontier keys` calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

import requests

from scripts.api_errors import ApiProblem, json_object
from scripts.transport import Call, Transport

PATH = "/v1/admin/keys"
PAGE = 100


class KeyCalls:
    """What makes a key is asked once, for a repeat would make another."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def make(
        self, tenant: str, scopes: Sequence[str], *, name: str, seconds: int | None, limits: Any = None
    ) -> dict[str, Any]:
        """The new key, with its text as `key`."""
        body: dict[str, Any] = {"tenant": tenant, "scopes": list(scopes), "name": name, "expires_in_s": seconds}
        return self._made(Call(method="POST", path=PATH, json=body | ({} if limits is None else {"limits": limits})))

    def find(self, key_id: str) -> dict[str, Any]:
        return _document(self._transport.send(Call(method="GET", path=_of(key_id))), "id")

    def limit(self, key_id: str, limits: Any) -> dict[str, Any]:
        """The key, which has these limits and no others."""
        return _document(self._transport.send(Call(method="PATCH", path=_of(key_id), json={"limits": limits})), "id")

    def rotate(self, key_id: str, *, overlap_seconds: int) -> dict[str, Any]:
        """The successor, with its text as `key`."""
        return self._made(Call(method="POST", path=f"{_of(key_id)}/rotate", json={"overlap_s": overlap_seconds}))

    def revoke(self, key_id: str) -> dict[str, Any]:
        """The key, which has ended."""
        return _document(self._transport.send(Call(method="DELETE", path=_of(key_id))), "id", "status")

    def listed(self, tenant: str | None) -> Iterator[dict[str, Any]]:
        """Keys of one tenant or of all, newest first."""
        query = {"limit": str(PAGE)} | ({} if tenant is None else {"tenant": tenant})
        while True:
            page = _document(self._transport.send(Call(method="GET", path=PATH, query=query)), "data", "has_more")
            yield from page["data"]
            if not page["has_more"]:
                return
            query["after"] = page["last_id"]

    def _made(self, call: Call) -> dict[str, Any]:
        response = self._transport.send_once(call)
        if not response.ok:
            raise ApiProblem.from_response(response)
        return _document(response, "id", "key")


def _of(key_id: str) -> str:
    return f"{PATH}/{quote(key_id, safe='')}"


def _document(response: requests.Response, *members: str) -> dict[str, Any]:
    body = json_object(response)
    if any(member not in body for member in members):
        raise ApiProblem(status=response.status_code, title="what answers there does not speak Frontier's API of keys")
    return body

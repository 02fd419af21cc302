"""Keeps the standing endpoints of tenants."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import redis

from jobs.keys import DEFAULT_PREFIX, Keys, ref
from jobs.scripts import Moves, unavailable_as_our_error
from jobs.settings import StoreSettings
from jobs.webhooks.endpoint import CircuitState, Endpoint, EndpointPage, EndpointState, NewEndpoint
from jobs.webhooks.errors import EndpointLimit, EndpointNotFound
from jobs.webhooks.telling import pack_types, unpack_types

MOST_ENDPOINTS = 20
"""Of one tenant: each of them is looked at whenever a job ends."""


class EndpointStore:
    """Makes, finds, changes and deletes endpoints."""

    def __init__(
        self, client: redis.Redis, settings: StoreSettings | None = None, *, prefix: str = DEFAULT_PREFIX
    ) -> None:
        self._client = client
        self._keys = Keys(prefix)
        self._moves = Moves(client, self._keys, settings or StoreSettings())

    def create(self, new: NewEndpoint, *, sealed: bytes, hint: str) -> Endpoint:
        """Make one, with its sealed secret. Raises EndpointLimit or StorageFull."""
        given = {"name": new.name, "url": new.url, "types": pack_types(new.event_types)}
        verdict = self._moves.run(
            "save_endpoint", ref(new.tenant, new.id), json.dumps(given), MOST_ENDPOINTS, sealed, hint
        )
        if verdict == b"full":
            raise EndpointLimit(MOST_ENDPOINTS)
        return self.find(new.tenant, new.id)

    def find(self, tenant: str, endpoint_id: str) -> Endpoint:
        """Raises EndpointNotFound."""
        found = self._read(tenant, [endpoint_id])
        if not found:
            raise EndpointNotFound(endpoint_id)
        return found[0]

    def page(self, tenant: str, *, after: str | None = None, limit: int = 20) -> EndpointPage:
        """Endpoints, newest first, from behind *after*. Raises EndpointNotFound for that."""
        with unavailable_as_our_error():
            members: Any = self._client.zrevrange(self._keys.owned(tenant, "endpoints"), 0, -1)
        ids = [member.decode() for member in members]
        if after is not None:
            if after not in ids:
                raise EndpointNotFound(after)
            ids = ids[ids.index(after) + 1 :]
        return EndpointPage(endpoints=self._read(tenant, ids[:limit]), has_more=len(ids) > limit)

    def update(
        self,
        tenant: str,
        endpoint_id: str,
        *,
        name: str | None = None,
        url: str | None = None,
        event_types: Sequence[str] | None = None,
    ) -> Endpoint:
        """Change what is given; deliveries that wait go to the new URL. Raises EndpointNotFound."""
        given: dict[str, str | None] = {"name": name, "url": url}
        given["types"] = pack_types(event_types) if event_types is not None else None
        return self._change(tenant, endpoint_id, {key: value for key, value in given.items() if value is not None})

    def enable(self, tenant: str, endpoint_id: str) -> Endpoint:
        """Deliver what comes from now on; what came meanwhile is to be replayed. Raises EndpointNotFound."""
        return self._change(tenant, endpoint_id, {"state": "enabled"})

    def disable(self, tenant: str, endpoint_id: str) -> Endpoint:
        """Deliver nothing more; what waits becomes dead letters. Raises EndpointNotFound."""
        return self._change(tenant, endpoint_id, {"state": "disabled"})

    def delete(self, tenant: str, endpoint_id: str) -> None:
        """Forget one; what waits for it is cancelled. Raises EndpointNotFound."""
        if not self._moves.run("delete_endpoint", ref(tenant, endpoint_id)):
            raise EndpointNotFound(endpoint_id)

    def test(self, tenant: str, endpoint_id: str, *, event_id: str, event_type: str, body: bytes) -> str:
        """Have one attempt made, also at one that is disabled, which a success enables unless somebody asked for it.

        Returns the delivery's id. Raises EndpointNotFound.
        """
        made = self._moves.run("test_endpoint", ref(tenant, endpoint_id), event_id, event_type, body).decode()
        if not made:
            raise EndpointNotFound(endpoint_id)
        return str(made)

    def _change(self, tenant: str, endpoint_id: str, given: Mapping[str, str]) -> Endpoint:
        if self._moves.run("save_endpoint", ref(tenant, endpoint_id), json.dumps(given), "", "", "") == b"missing":
            raise EndpointNotFound(endpoint_id)
        return self.find(tenant, endpoint_id)

    def _read(self, tenant: str, ids: Sequence[str]) -> list[Endpoint]:
        with unavailable_as_our_error(), self._client.pipeline(transaction=False) as pipeline:
            pipeline.time()
            for endpoint_id in ids:
                pipeline.hmget(self._keys.circuit_of_receiver(tenant, endpoint_id), "forced", "reopens_at")
                pipeline.hgetall(self._keys.tenant(tenant, "endpoint", endpoint_id))
                pipeline.hget(self._keys.tenant(tenant, "receiver", endpoint_id), "failing")
                pipeline.zcard(self._keys.tenant(tenant, "due", endpoint_id))
                pipeline.scard(self._keys.tenant(tenant, "flying", endpoint_id))
            (seconds, micros), *parts = pipeline.execute()
        now_ms = int(seconds) * 1000 + int(micros) // 1000
        rows = zip(ids, parts[0::5], parts[1::5], parts[2::5], parts[3::5], parts[4::5], strict=True)
        return [
            _endpoint(
                tenant,
                endpoint_id,
                raw,
                failing=failing,
                circuit=_circuit(*circuit, now_ms=now_ms),
                waiting=due + flying,
            )
            for endpoint_id, circuit, raw, failing, due, flying in rows
            if raw
        ]


def _circuit(forced: bytes | None, reopens_at: bytes | None, *, now_ms: int) -> CircuitState:
    """As `_circuit.lua` finds it."""
    if forced:
        return CircuitState(forced.decode())
    if not reopens_at:
        return CircuitState.CLOSED
    return CircuitState.OPEN if now_ms < int(reopens_at) else CircuitState.HALF_OPEN


def _endpoint(
    tenant: str,
    endpoint_id: str,
    raw: Mapping[bytes, bytes],
    *,
    failing: bytes | None,
    circuit: CircuitState,
    waiting: int,
) -> Endpoint:
    fields = {name.decode(): value.decode() for name, value in raw.items()}
    return Endpoint(
        id=endpoint_id,
        tenant=tenant,
        name=fields["name"],
        url=fields["url"],
        event_types=unpack_types(fields["types"]),
        created_at=float(fields["created"]) / 1000,
        updated_at=float(fields["updated"]) / 1000,
        state=EndpointState(fields["state"]),
        disabled_reason=fields.get("reason"),
        disabled_at=float(fields["disabled"]) / 1000 if "disabled" in fields else None,
        failing_since=float(failing) / 1000 if failing else None,
        circuit=circuit,
        waiting=waiting,
    )

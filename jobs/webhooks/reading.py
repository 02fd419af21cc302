"""Reads deliveries back from their records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import redis

from jobs.keys import Keys
from jobs.scripts import unavailable_as_our_error
from jobs.webhooks.delivery import Delivery, DeliveryStatus
from jobs.webhooks.tries import unpack_attempt

_URL_BYTES = 2048


class DeliveryReader:
    """Finds deliveries by their ids."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    def read(self, tenant: str, ids: Sequence[str], *, attempts: int = 1) -> list[Delivery]:
        """Those of the deliveries that there are, in the order asked for, each with its last so many attempts."""
        with unavailable_as_our_error(), self._client.pipeline(transaction=False) as pipeline:
            for delivery_id in ids:
                pipeline.hgetall(self._keys.tenant(tenant, "dlv", delivery_id))
                pipeline.getrange(self._keys.tenant(tenant, "letter", delivery_id), 0, _URL_BYTES)
                pipeline.lrange(self._keys.tenant(tenant, "tries", delivery_id), -attempts, -1)
            parts = pipeline.execute()
        rows = [row for row in zip(ids, parts[0::3], parts[1::3], parts[2::3], strict=True) if row[1]]
        with unavailable_as_our_error(), self._client.pipeline(transaction=False) as pipeline:
            for delivery_id, raw, *_ in rows:
                receiver = raw[b"receiver"].decode()
                pipeline.zscore(self._keys.tenant(tenant, "due", receiver), delivery_id)
                pipeline.hget(self._keys.tenant(tenant, "endpoint", _endpoint_of(receiver) or ""), "url")
            more = pipeline.execute() if rows else []
        return [
            _delivery(tenant, *row, due=due, url=url)
            for row, due, url in zip(rows, more[0::2], more[1::2], strict=True)
        ]


def _endpoint_of(receiver: str) -> str | None:
    return receiver.removesuffix("!test") if receiver.startswith("we_") else None


def _delivery(
    tenant: str,
    delivery_id: str,
    raw: Mapping[bytes, bytes],
    letter: bytes,
    tries: Sequence[bytes],
    *,
    due: float | None,
    url: bytes | None,
) -> Delivery:
    fields = {name.decode(): value.decode() for name, value in raw.items()}
    attempts = tuple(map(unpack_attempt, tries))
    endpoint_id = _endpoint_of(fields["receiver"])
    own_url = letter.partition(b"\n")[0]
    return Delivery(
        id=delivery_id,
        tenant=tenant,
        event_id=fields["event"],
        event_type=fields["type"],
        subject=fields["subject"],
        endpoint_id=endpoint_id,
        url=((url or b"") if endpoint_id else own_url or fields["receiver"].encode()).decode(),
        status=DeliveryStatus(fields["status"]),
        created_at=float(fields["created"]) / 1000,
        attempt_count=int(fields.get("attempts", 0)),
        next_attempt_at=None if due is None else due / 1000,
        last_attempt_at=attempts[-1].at if attempts else None,
        finished_at=float(fields["finished"]) / 1000 if "finished" in fields else None,
        ended_as=fields.get("ended_as"),
        is_test="test" in fields,
        attempts=attempts,
    )

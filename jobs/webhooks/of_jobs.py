"""Reads what jobs' own webhooks are, and how their deliveries stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import redis

from jobs.keys import Keys
from jobs.scripts import unavailable_as_our_error
from jobs.webhooks.reading import DeliveryReader
from jobs.webhooks.telling import unpack_webhook


class JobWebhookReader:
    """Beside the records of jobs, which only say that there is something to read."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._deliveries = DeliveryReader(client, keys)

    def of_jobs(self, tenant: str, delivery_ids: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """The members `webhook` and `delivery` of each job named; their deliveries' ids are given, or empty."""
        with unavailable_as_our_error():
            packed: Any = self._client.mget([self._keys.tenant(tenant, "hook", job_id) for job_id in delivery_ids])
        made = [delivery_id for delivery_id in delivery_ids.values() if delivery_id]
        deliveries = {one.id: one for one in self._deliveries.read(tenant, made)} if made else {}
        return {
            job_id: {"webhook": unpack_webhook(hook), "delivery": deliveries.get(delivery_id)}
            for (job_id, delivery_id), hook in zip(delivery_ids.items(), packed, strict=True)
            if hook
        }

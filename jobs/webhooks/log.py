"""The log of deliveries: find, list, and have them go again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import redis

from jobs.errors import NewerRecord
from jobs.keys import DEFAULT_PREFIX, Keys, ref
from jobs.scripts import Moves, unavailable_as_our_error
from jobs.settings import StoreSettings
from jobs.webhooks.delivery import Delivery, DeliveryPage, DeliveryStatus
from jobs.webhooks.errors import (
    DeliveryNotFound,
    DeliveryNotReplayable,
    EndpointDisabled,
    EndpointNotFound,
    EventNotFound,
)
from jobs.webhooks.event import id_at, place_of
from jobs.webhooks.reading import DeliveryReader

ALL_ATTEMPTS = 50
EVENTS_PER_REPLAY = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """How many deliveries go again; a call with `next_cursor` looks at the events that follow, None at the end."""

    count: int
    next_cursor: str | None


class DeliveryLog:
    """What a tenant may ask about its deliveries, for as long as they are kept."""

    _SCAN_PAGE = 200
    _SCAN_PAGES = 25

    def __init__(
        self, client: redis.Redis, settings: StoreSettings | None = None, *, prefix: str = DEFAULT_PREFIX
    ) -> None:
        self._client = client
        self._keys = Keys(prefix)
        self._moves = Moves(client, self._keys, settings or StoreSettings())
        self._reader = DeliveryReader(client, self._keys)

    def find(self, tenant: str, delivery_id: str) -> Delivery:
        """One delivery with its attempts, oldest first. Raises DeliveryNotFound."""
        found = self._reader.read(tenant, [delivery_id], attempts=ALL_ATTEMPTS)
        if not found:
            raise DeliveryNotFound(delivery_id)
        return found[0]

    def of_job(self, tenant: str, job_id: str) -> list[Delivery]:
        """Those of a job's events, oldest first, each with its last attempt alone."""
        with unavailable_as_our_error():
            members: Any = self._client.smembers(self._keys.tenant(tenant, "sent", job_id))
        found = self._reader.read(tenant, sorted(member.decode() for member in members))
        return sorted(found, key=lambda one: one.created_at)

    def page(
        self,
        tenant: str,
        *,
        status: DeliveryStatus | None = None,
        endpoint_id: str | None = None,
        before: str | None = None,
        limit: int = 20,
    ) -> DeliveryPage:
        """Deliveries that match, newest first, each with its last attempt alone.

        A call looks at no more than 5,000 of them, so a page may be short, even empty, and not the last one. Raises
        DeliveryNotFound for a *before* that is no longer kept.
        """
        kind = "undelivered" if status is DeliveryStatus.FAILED else "deliveries"
        index = self._keys.owned(tenant, kind)
        start = 0 if before is None else self._rank_behind(tenant, index, before)
        matches: list[Delivery] = []
        last = before
        for _ in range(self._SCAN_PAGES):
            with unavailable_as_our_error():
                members: Any = self._client.zrevrange(index, start, start + self._SCAN_PAGE - 1)
            ids = [member.decode() for member in members]
            for found in self._reader.read(tenant, ids):
                if status in (None, found.status) and endpoint_id in (None, found.endpoint_id):
                    if len(matches) == limit:
                        return DeliveryPage(deliveries=matches, next_before=matches[-1].id)
                    matches.append(found)
            if len(ids) < self._SCAN_PAGE:
                return DeliveryPage(deliveries=matches, next_before=None)
            last, start = ids[-1], start + self._SCAN_PAGE
        return DeliveryPage(deliveries=matches, next_before=last)

    def replay(self, tenant: str, delivery_id: str) -> Delivery:
        """Have one go again with its whole schedule; one that waits goes now.

        Raises DeliveryNotFound, EndpointDisabled, DeliveryNotReplayable or NewerRecord.
        """
        match self._moves.run("replay_delivery", ref(tenant, delivery_id)):
            case b"missing":
                raise DeliveryNotFound(delivery_id)
            case b"newer":
                raise NewerRecord(delivery_id)
            case b"disabled":
                raise EndpointDisabled(delivery_id)
            case b"not replayable":
                raise DeliveryNotReplayable(delivery_id)
        return self.find(tenant, delivery_id)

    def replay_range(
        self,
        tenant: str,
        *,
        endpoint_id: str | None = None,
        after: float | None = None,
        before: float | None = None,
        cursor: str | None = None,
    ) -> Replayed:
        """Have the failed deliveries of events between two instants go again; in Unix seconds, *before* excluded.

        An endpoint also gets the events that it is subscribed to and was never sent, from its creation on unless
        *after* is given. A call looks at no more than 500 events. Raises EndpointNotFound, EndpointDisabled, or
        EventNotFound for a bad cursor.
        """
        begin = "-" if after is None else str(max(0, round(after * 1000)))
        if cursor is not None:
            known = place_of(cursor)
            if known is None:
                raise EventNotFound(cursor)
            begin = f"({known}"
        end = "+" if before is None else f"{max(0, round(before * 1000) - 1)}"
        verdict, count, last = self._moves.run(
            "replay_events", tenant, endpoint_id or "", begin, end, EVENTS_PER_REPLAY
        )
        if verdict == b"missing":
            raise EndpointNotFound(endpoint_id)
        if verdict == b"disabled":
            raise EndpointDisabled(endpoint_id)
        return Replayed(count=count, next_cursor=id_at(last.decode(), "evt_x") if last else None)

    def _rank_behind(self, tenant: str, index: str, before: str) -> int:
        """How many of an index are newer than a delivery, or it itself, which need not be in that index any more."""
        with unavailable_as_our_error():
            made: Any = self._client.zscore(self._keys.owned(tenant, "deliveries"), before)
        if made is None:
            raise DeliveryNotFound(before)
        with unavailable_as_our_error(), self._client.pipeline(transaction=True) as pipeline:
            pipeline.zcount(index, f"({made:.0f}", "+inf")
            pipeline.zrangebyscore(index, made, made)
            newer, together = pipeline.execute()
        return int(newer) + len([member for member in together if member.decode() >= before])

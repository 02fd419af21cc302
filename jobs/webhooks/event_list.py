"""Reads the list of a tenant's events: what receivers reconcile from."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import redis

from jobs.keys import DEFAULT_PREFIX, Keys
from jobs.scripts import unavailable_as_our_error
from jobs.webhooks.errors import EventNotFound
from jobs.webhooks.event import Event, id_at, place_of


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """Some events, oldest first; with `has_more` go on from `next_after`, which may be past the last of them."""

    events: list[Event]
    has_more: bool
    next_after: str | None


class EventList:
    """Reads forwards, from behind any event that was ever listed."""

    _SCAN_PAGE = 500
    _SCAN_PAGES = 10

    def __init__(self, client: redis.Redis, *, prefix: str = DEFAULT_PREFIX) -> None:
        self._client = client
        self._keys = Keys(prefix)

    def after(
        self, tenant: str, event_id: str | None, *, types: Collection[str] | None = None, limit: int = 20
    ) -> EventPage:
        """What came after an event, whether or not that is still listed; from the oldest without one.

        A call looks at no more than 5,000 events, so a page of some types may be short, even empty, and not the last.
        Raises EventNotFound for what is no event's id.
        """
        last = event_id
        found: list[Event] = []
        for _ in range(self._SCAN_PAGES):
            events = self._read(tenant, last)
            for event in events:
                if types is None or event.type in types:
                    if len(found) == limit:
                        return EventPage(events=found, has_more=True, next_after=found[-1].id)
                    found.append(event)
            if len(events) < self._SCAN_PAGE:
                return EventPage(events=found, has_more=False, next_after=None)
            last = events[-1].id
        return EventPage(events=found, has_more=True, next_after=last)

    def _read(self, tenant: str, after: str | None) -> list[Event]:
        place = "-"
        if after is not None:
            known = place_of(after)
            if known is None:
                raise EventNotFound(after)
            place = f"({known}"
        with unavailable_as_our_error():
            entries: Any = self._client.xrange(self._keys.owned(tenant, "events"), place, "+", count=self._SCAN_PAGE)
        return [_event(entry.decode(), fields) for entry, fields in entries]


def _event(entry: str, fields: dict[bytes, bytes]) -> Event:
    subject = fields[b"subject"].decode()
    return Event(
        id=id_at(entry, subject),
        type=fields[b"type"].decode(),
        created_at=int(entry.partition("-")[0]) / 1000,
        subject=subject,
        detail=fields[b"detail"].decode(),
    )

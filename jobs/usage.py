"""What tenants have used, as the moves add it up (`lua/_usage.lua`); nothing here changes anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from itertools import islice, product
from typing import Any

import redis

from jobs.job import Usage
from jobs.keys import DEFAULT_PREFIX, Keys
from jobs.scripts import unavailable_as_our_error

_EPOCH = date(1970, 1, 1)
_READ_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Used:
    """How many jobs have ended, and what they have used."""

    jobs: int = 0
    usage: Usage = Usage()  # noqa: RUF009 - frozen

    def __add__(self, other: Used) -> Used:
        sums = {one.name: getattr(self.usage, one.name) + getattr(other.usage, one.name) for one in fields(Usage)}
        sums["engine_seconds"] = round(sums["engine_seconds"], 6)
        return Used(self.jobs + other.jobs, Usage(**sums))


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """What the jobs of a tenant have used that were submitted with one key for one model and ended alike on one day.

    The day is one of UTC.
    """

    day: date
    tenant: str
    key_id: str
    model: str
    outcome: str
    used: Used


class UsageReader:
    """Reads what there is; a day without ends of jobs has no rows."""

    def __init__(self, client: redis.Redis, *, prefix: str = DEFAULT_PREFIX) -> None:
        self._client = client
        self._keys = Keys(prefix)

    def rows(self, first: date, last: date, *, tenant: str | None = None) -> Iterator[UsageRow]:
        """Those of a tenant, or of all tenants, from the *first* to the *last* day, in no order.

        Raises StoreUnavailable while they are read.
        """
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        tenants = [tenant] if tenant is not None else self._tenants_since(first)
        places = product(tenants, days)
        while some := list(islice(places, _READ_AT_ONCE)):
            yield from self._read(some)

    def _tenants_since(self, first: date) -> list[str]:
        with unavailable_as_our_error():
            found: Any = self._client.zrangebyscore(self._keys.name("used"), _number(first), "+inf")
        return [one.decode() for one in found]

    def _read(self, places: Sequence[tuple[str, date]]) -> Iterator[UsageRow]:
        with unavailable_as_our_error(), self._client.pipeline(transaction=False) as pipeline:
            for tenant, day in places:
                pipeline.hgetall(self._keys.owned(tenant, f"usage:{_number(day)}"))
            told: list[Mapping[bytes, bytes]] = pipeline.execute()
        for (tenant, day), kinds in zip(places, told, strict=True):
            for kind, numbers in kinds.items():
                outcome, key_id, model = kind.decode().split("/", 2)
                used = _used(numbers.decode())
                yield UsageRow(day=day, tenant=tenant, key_id=key_id, model=model, outcome=outcome, used=used)


def day_of(instant: float) -> date:
    """The day in UTC of an instant, in Unix seconds."""
    return datetime.fromtimestamp(instant, UTC).date()


def _number(day: date) -> int:
    return (day - _EPOCH).days


def _used(numbers: str) -> Used:
    """A later release may have put more numbers behind those known here."""
    jobs, prompt, completion, cached, wasted, micros, *_ = map(int, numbers.split())
    return Used(
        jobs,
        Usage(
            prompt_tokens=prompt,
            completion_tokens=completion,
            cached_tokens=cached,
            wasted_tokens=wasted,
            engine_seconds=micros / 1e6,
        ),
    )

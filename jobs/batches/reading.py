"""Finds, lists and reads batches; nothing here changes anything."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from jobs.batches.batch import Batch, BatchError, BatchStatus, BatchUsage, Part, PartKind
from jobs.batches.errors import BatchNotFound
from jobs.batches.ids import output_file_id
from jobs.keys import Keys
from jobs.scripts import unavailable_as_our_error
from jobs.traceparent import from_record

NO_METADATA: Mapping[str, str] = {}
MOST_LOOKED_AT = 5_000
_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPage:
    """Batches, newest first, and whether older ones follow: behind that of `last_id`, or behind the last of these."""

    batches: list[Batch]
    has_more: bool
    last_id: str | None = None


class BatchReader:
    """Finds and lists the batches of a tenant."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    def find(self, tenant: str, batch_id: str) -> Batch:
        """One batch. Raises BatchNotFound."""
        found = self.read(tenant, [batch_id])
        if not found:
            raise BatchNotFound(batch_id)
        return found[0]

    def page(
        self, tenant: str, *, after: str | None = None, limit: int = 20, metadata: Mapping[str, str] = NO_METADATA
    ) -> BatchPage:
        """Batches from behind the id *after*, that of a page before. Raises BatchNotFound if that is none.

        For *metadata* it looks at so many that a page may be short, or empty, while more follow.
        """
        wanted = MOST_LOOKED_AT if metadata else limit
        listed = self._keys.owned(tenant, "batches")
        with unavailable_as_our_error():
            place: Any = -1 if after is None else self._client.zrevrank(listed, after)
            if after is not None and place is None:
                raise BatchNotFound(after)
            ids: Any = self._client.zrevrange(listed, place + 1, place + 1 + wanted)
        names = [one.decode() for one in ids]
        found = self._with_metadata(tenant, names[:wanted], metadata, limit + 1) if metadata else names
        is_cut = len(found) <= limit and len(names) > wanted
        return BatchPage(
            batches=self.read(tenant, found[:limit]),
            has_more=is_cut or len(found) > limit,
            last_id=names[wanted - 1] if is_cut else None,
        )

    def parts(
        self, tenant: str, batch_id: str, kind: PartKind, *, first: int = 1, most: int | None = None
    ) -> list[Part]:
        """The committed parts of one kind from number *first* on; of a batch that is unknown there are none."""
        last = -1 if most is None else first - 2 + most
        with unavailable_as_our_error():
            entries: Any = self._client.lrange(self._parts_key(tenant, batch_id, kind), first - 1, last)
        return [_part(kind, number, entry) for number, entry in enumerate(entries, first)]

    def read(self, tenant: str, batch_ids: Sequence[str]) -> list[Batch]:
        """Those of the batches that there are, in the order asked for."""
        with unavailable_as_our_error(), self._client.pipeline(transaction=True) as pipeline:
            for batch_id in batch_ids:
                pipeline.hgetall(self._keys.tenant(tenant, "batch", batch_id))
                pipeline.llen(self._parts_key(tenant, batch_id, "output"))
                pipeline.llen(self._parts_key(tenant, batch_id, "errors"))
            told = pipeline.execute()
        rows = zip(batch_ids, told[0::3], told[1::3], told[2::3], strict=True)
        return [_batch(tenant, batch_id, fields, parts) for batch_id, fields, *parts in rows if fields]

    def _with_metadata(self, tenant: str, batch_ids: Sequence[str], pairs: Mapping[str, str], most: int) -> list[str]:
        """The first *most* of them that have all the *pairs*."""
        found: list[str] = []
        for first in range(0, len(batch_ids), _AT_ONCE):
            some = batch_ids[first : first + _AT_ONCE]
            with unavailable_as_our_error(), self._client.pipeline(transaction=False) as pipeline:
                for batch_id in some:
                    pipeline.hget(self._keys.tenant(tenant, "batch", batch_id), "metadata")
                told = pipeline.execute()
            known = zip(some, told, strict=True)
            found += [one for one, raw in known if raw and json.loads(raw).items() >= pairs.items()]
            if len(found) >= most:
                return found[:most]
        return found

    def _parts_key(self, tenant: str, batch_id: str, kind: PartKind) -> str:
        return self._keys.tenant(tenant, "parts", output_file_id(batch_id, kind))


def _part(kind: PartKind, number: int, entry: bytes) -> Part:
    size, name, lines = entry.decode().split(" ")
    return Part(kind=kind, number=number, name=name, lines=int(lines), bytes=int(size))


def _batch(tenant: str, batch_id: str, raw: Mapping[bytes, bytes], parts: Sequence[int]) -> Batch:
    fields = {name.decode(): value.decode() for name, value in raw.items()}

    def number(name: str) -> int:
        return int(fields.get(name, 0))

    def seconds(name: str) -> float | None:
        return float(fields[name]) / 1000 if name in fields else None

    traceparent, is_traced = from_record(fields.get("trace", ""))
    return Batch(
        id=batch_id,
        tenant=tenant,
        key_id=fields["key"],
        endpoint=fields["endpoint"],
        input_file_id=fields["input"],
        window_seconds=float(fields["window"]) / 1000,
        status=BatchStatus(fields["status"]),
        created_at=float(fields["created"]) / 1000,
        expires_at=float(fields["expires_at"]) / 1000,
        model=fields.get("model"),
        order_name=fields.get("order"),
        in_progress_at=seconds("in_progress_at"),
        finalizing_at=seconds("finalizing_at"),
        completed_at=seconds("completed_at"),
        failed_at=seconds("failed_at"),
        expired_at=seconds("expired_at"),
        cancelling_at=seconds("cancelling_at"),
        cancelled_at=seconds("cancelled_at"),
        total=number("total"),
        completed=number("completed_lines"),
        failed=number("failed_lines"),
        position=number("position"),
        usage=BatchUsage(
            prompt_tokens=number("prompt"), completion_tokens=number("completion"), cached_tokens=number("cached")
        ),
        metadata=json.loads(fields["metadata"]),
        errors=tuple(BatchError(**error) for error in json.loads(fields.get("errors", "[]"))),
        output_file_id=fields.get("output_file"),
        error_file_id=fields.get("error_file"),
        output_kept_seconds=seconds("output_kept"),
        output_parts=parts[0],
        error_parts=parts[1],
        waiting_for=fields.get("waiting_for"),
        tries=number("tries"),
        is_given_up="given_up" in fields,
        traceparent=traceparent,
        is_traced=is_traced,
    )

"""Deletes what runners have written of a batch and its record does not know."""

from __future__ import annotations

from jobs.batches.batch import Batch, PartKind
from jobs.batches.ids import batch_folder, token_of
from jobs.batches.store import BatchStore
from storage.storage import Storage

_KINDS: tuple[PartKind, PartKind] = ("output", "errors")


def clear_uncommitted(batches: BatchStore, storage: Storage, batch: Batch, *, before: int) -> int:
    """Of what was written under tokens below *before*, which can commit no more; how many objects it was.

    What a newer lease writes is left alone. Raises StoreUnavailable or StorageTrouble.
    """
    found = written_before(storage, batch.tenant, batch.id, before)
    if not found:
        return 0
    parts = {part.name for kind in _KINDS for part in batches.parts(batch.tenant, batch.id, kind)}
    if len(parts) < batch.output_parts + batch.error_parts:  # this is not the record that the batch was read from
        return 0
    return _delete(storage, found - parts - {batch.order_name or ""})


def clear_all(batches: BatchStore, storage: Storage, tenant: str, batch_id: str) -> int:
    """Of a batch that has ended, all but the parts of its files; how many objects it was."""
    found = written_before(storage, tenant, batch_id, None)
    return _delete(storage, found - {part.name for kind in _KINDS for part in batches.parts(tenant, batch_id, kind)})


def written_before(storage: Storage, tenant: str, batch_id: str, before: int | None) -> set[str]:
    """What runners have written, under tokens below *before* or any."""
    names = storage.names(batch_folder(tenant, batch_id))
    return {name for name in names if (token := token_of(name)) is not None and (before is None or token < before)}


def _delete(storage: Storage, names: set[str]) -> int:
    for name in names:
        storage.delete(name)
    return len(names)

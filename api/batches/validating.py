"""Looks through the input of a batch that was claimed, and says what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from api.batches.line_error import LineError
from api.batches.validation import InputRefused, ValidInput, validate
from api.batches.work import Work
from jobs.batches.batch import BatchError, BatchLease, BatchStatus
from jobs.batches.ids import order_name
from jobs.errors import BatchLeaseLost, BatchStopped, StoreUnavailable
from jobs.files.file import name_of
from storage.errors import FileGone

LOOK_SECONDS = 0.5
"""How often it is asked whether the batch is still to be looked through."""

_WRITTEN_AT_ONCE = 4096
_PIECE_BYTES = 64 * 1024

GONE = LineError(code="file_not_found", message="The input file is gone.", param="input_file_id")


def validate_batch(work: Work, lease: BatchLease, *, check: Callable[[], None]) -> None:
    """Have the batch begin, or fail for what is wrong with its input; no line is a job before.

    One that is cancelled meanwhile is left as it is. `check` is called now and then, and ends all of it by raising.
    Raises StorageFull, StorageTrouble, StoreUnavailable or BatchLeaseLost; then it may be done again.
    """
    batch = lease.batch
    try:
        chunks = work.storage.read(name_of(batch.tenant, batch.input_file_id))
        valid = validate(_pieces(chunks, work, lease, check), work.reader(batch), work.limits)
    except BatchStopped:
        return
    except FileGone:
        fail(work, lease, [GONE])
        return
    except InputRefused as error:
        fail(work, lease, error.errors)
        return
    name = order_name(batch.tenant, batch.id, lease.token)
    _store(work, name, valid)
    work.batches.validated(lease, total=valid.lines, model=valid.model, order_name=name)


def fail(work: Work, lease: BatchLease, errors: Iterable[LineError]) -> None:
    """End the batch; raises BatchLeaseLost if it is somebody else's to end, or is cancelled meanwhile."""
    if not work.batches.end(lease, BatchStatus.FAILED, errors=told_errors(errors)):
        raise BatchLeaseLost(lease.batch.id)


def told_errors(errors: Iterable[LineError]) -> list[BatchError]:
    """As the record keeps them."""
    return [BatchError(code=one.code, message=one.message, line=one.line, param=one.param) for one in errors]


def _pieces(chunks: Iterable[bytes], work: Work, lease: BatchLease, check: Callable[[], None]) -> Iterator[bytes]:
    """The chunks, so small that a cancel is heard soon. Raises BatchLeaseLost, or BatchStopped if it is cancelled."""
    looked_at = work.clock()
    for chunk in chunks:
        for start in range(0, len(chunk), _PIECE_BYTES):
            check()
            if work.clock() - looked_at >= LOOK_SECONDS:
                with suppress(StoreUnavailable):
                    _look(work, lease)
                looked_at = work.clock()
            yield chunk[start : start + _PIECE_BYTES]


def _look(work: Work, lease: BatchLease) -> None:
    (status,) = work.batches.renew([lease])
    if status is None:
        raise BatchLeaseLost(lease.batch.id)
    if status is not BatchStatus.VALIDATING:
        raise BatchStopped(lease.batch.id)


def _store(work: Work, name: str, valid: ValidInput) -> None:
    waiting: list[bytes] = []
    with work.storage.create(name) as writer:
        for place in valid.order.packed():
            waiting.append(place)
            if len(waiting) == _WRITTEN_AT_ONCE:
                writer.write(b"".join(waiting))
                waiting.clear()
        writer.write(b"".join(waiting))

"""Looks through the input of a batch that was claimed, and says what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from api.batches.line_error import LineError
from api.batches.validation import InputRefused, ValidInput, validate
from api.batches.work import Work
from jobs.batches.batch import BatchError, BatchLease, BatchStatus
from jobs.batches.ids import order_name
from jobs.errors import BatchLeaseLost
from jobs.files.errors import FileNotFound
from storage.errors import FileGone

_WRITTEN_AT_ONCE = 4096

GONE = LineError(code="file_not_found", message="The input file is gone.", param="input_file_id")


def validate_batch(work: Work, lease: BatchLease, *, check: Callable[[], None]) -> None:
    """Have the batch begin, or fail for what is wrong with its input; no line is a job before.

    `check` is called between chunks, and ends all of it by raising. Raises StorageFull, StorageTrouble,
    StoreUnavailable or BatchLeaseLost; then it may be done again.
    """
    batch = lease.batch
    try:
        file = work.files.find(batch.tenant, batch.input_file_id)
        chunks = _checked(work.storage.read(file.name), check)
        valid = validate(chunks, work.reader(batch), work.limits)
    except (FileNotFound, FileGone):
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
    told = [BatchError(code=one.code, message=one.message, line=one.line, param=one.param) for one in errors]
    if not work.batches.end(lease, BatchStatus.FAILED, errors=told):
        raise BatchLeaseLost(lease.batch.id)


def _checked(chunks: Iterable[bytes], check: Callable[[], None]) -> Iterator[bytes]:
    for chunk in chunks:
        check()
        yield chunk


def _store(work: Work, name: str, valid: ValidInput) -> None:
    waiting: list[bytes] = []
    with work.storage.create(name) as writer:
        for place in valid.order.packed():
            waiting.append(place)
            if len(waiting) == _WRITTEN_AT_ONCE:
                writer.write(b"".join(waiting))
                waiting.clear()
        writer.write(b"".join(waiting))

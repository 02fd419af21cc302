"""How a batch ends: nothing of it runs any more, and nothing lies in the storage that its record does not know."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress

from api.batches.line_error import LineError
from api.batches.uncommitted import clear_uncommitted
from api.batches.validating import told_errors
from api.batches.work import Work
from jobs.batches.batch import BatchLease, Ending
from jobs.errors import JobNotFound, StoreUnavailable
from storage.errors import StorageError

log = logging.getLogger(__name__)

GIVEN_UP = LineError(
    code="batch_given_up",
    message="Running the batch has failed again and again, for a reason of the server's own. Nothing more of it runs.",
)


def cancel_open(work: Work, lease: BatchLease) -> None:
    """Have no line of the batch run on. Raises StoreUnavailable."""
    for job_id in work.batches.open_lines(lease):
        with suppress(JobNotFound):
            work.jobs.cancel(lease.batch.tenant, job_id)


def end_batch(
    work: Work, lease: BatchLease, ending: Ending, errors: Sequence[LineError], *, is_abandoned: bool = False
) -> bool:
    """End it, and leave in the storage what is committed; False if its status has changed, or the lease is lost.

    Raises StoreUnavailable or LinesLeft.
    """
    clear_up(work, lease, before=lease.token + 1)
    if not work.batches.end(lease, ending, errors=told_errors(errors), is_abandoned=is_abandoned):
        return False
    if lease.batch.order_name is not None:
        with suppress(StorageError):
            work.storage.delete(lease.batch.order_name)
    return True


def clear_up(work: Work, lease: BatchLease, *, before: int) -> None:
    """Delete what runners wrote and did not commit; what cannot be deleted now is, once the batch is forgotten."""
    batch = lease.batch
    extra = {"batch_id": batch.id, "tenant": batch.tenant}
    try:
        known = work.batches.find(batch.tenant, batch.id)
        cleared = clear_uncommitted(work.batches, work.storage, known, before=before)
    except (StorageError, StoreUnavailable) as error:
        log.warning("batch_parts_not_cleared", extra={**extra, "reason": str(error)})
        return
    if cleared:
        log.info("batch_parts_cleared", extra={**extra, "objects": cleared})

"""Puts together what serves batches."""

from __future__ import annotations

from functools import partial

import redis

from api.batches.batch_waiting import BatchWaiting
from api.batches.blueprint import batches_blueprint
from api.batches.committed_output import CommittedOutput
from api.batches.intake import BatchIntake
from api.blueprint import Blueprint
from api.limited_requests import charge_submission
from api.long_poll import LongPoll
from api.settings import ApiSettings
from jobs.batches.idempotency import BatchKeys
from jobs.batches.store import BatchStore
from jobs.files.store import FileStore
from jobs.ids import new_id
from jobs.settings import StoreSettings
from storage.storage import Storage


def batch_views(
    client: redis.Redis,
    *,
    settings: ApiSettings,
    store_settings: StoreSettings,
    files: FileStore,
    storage: Storage,
    poll: LongPoll,
) -> Blueprint:
    """The blueprint; inputs and outputs are files of that record, and lie in that storage."""
    store = BatchStore(client, store_settings)
    intake = BatchIntake(
        batches=store,
        keys=BatchKeys(client, store_settings),
        files=files,
        new_id=partial(new_id, "batch"),
        charge=charge_submission,
        output_kept_seconds=settings.files.lifetime_seconds,
    )
    output = CommittedOutput(batches=store, files=files, storage=storage, stall_seconds=settings.stall_seconds)
    waiting = BatchWaiting(batches=store, poll=poll)
    return batches_blueprint(store=store, intake=intake, output=output, waiting=waiting)

"""Puts together what serves files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import redis

from api.blueprint import Blueprint
from api.files.blueprint import files_blueprint
from api.files.content import Contents
from api.files.disposal import ROUND_SECONDS, Disposal
from api.files.uploads import Uploads
from api.native_threads import in_a_native_thread, is_needed, run_for_ever
from api.settings import ApiSettings
from jobs.files.file import new_file_id
from jobs.files.store import FileStore
from jobs.settings import StoreSettings
from storage.storage import Storage
from tasks.dispatch import Rounds


@dataclass(frozen=True, kw_only=True)
class FileViews:
    """The blueprint, what it keeps files with, and what deletes bytes; it is not started yet."""

    blueprint: Blueprint
    store: FileStore
    storage: Storage
    rounds: Rounds


def file_views(
    client: redis.Redis,
    *,
    settings: ApiSettings,
    store_settings: StoreSettings,
    clock: Callable[[], float],
    vary: Callable[[], float],
) -> FileViews:
    """Files lie where the settings say; `vary` draws a factor for the pauses between rounds."""
    store = FileStore(client, store_settings)
    storage = _storage(settings.files.url)
    rounds = Rounds("files", Disposal(store=store, storage=storage, clock=clock).run, lambda: ROUND_SECONDS * vary())
    uploads = Uploads(
        store=store,
        storage=storage,
        new_id=new_file_id,
        max_bytes=settings.files.max_bytes,
        most_of_tenant=settings.files.most_of_tenant,
        lifetime_seconds=settings.files.lifetime_seconds,
        longest_seconds=settings.files.longest_upload_seconds(settings.body_seconds),
    )
    contents = Contents(store=store, storage=storage, stall_seconds=settings.stall_seconds)
    blueprint = files_blueprint(store=store, uploads=uploads, contents=contents, on_removed=rounds.nudge)
    return FileViews(blueprint=blueprint, store=store, storage=storage, rounds=rounds)


def _storage(url: str) -> Storage:
    if is_needed():
        return Storage.at(url, in_a_native_thread, run_for_ever)
    return Storage.at(url)

"""Takes files in: their bytes go to the storage as they arrive, then the record tells of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from api.errors import InvalidRequest
from api.files.errors import FileTooLarge
from api.files.form import FormPart
from api.files.names import checked_name
from api.files.schema import check_field, loaded_fields
from jobs.errors import JobError
from jobs.files.errors import FilesFull
from jobs.files.file import DoomedFile, File, NewFile, Purpose, name_of
from jobs.files.store import FileStore
from storage.errors import StorageError
from storage.storage import Storage, Writer

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Uploads:
    """`longest_seconds` is how long one may take; `max_bytes` and `most_of_tenant` are limits on bytes."""

    store: FileStore
    storage: Storage
    new_id: Callable[[], str]
    max_bytes: int
    most_of_tenant: int | None
    lifetime_seconds: float
    longest_seconds: float

    def take(self, parts: Iterator[FormPart], *, tenant: str) -> File:
        """The file of a form. One that is refused, or does not arrive whole, leaves nothing behind.

        Raises InvalidRequest, FileTooLarge, FilesFull, FileLate, what reading the form raises, and what Redis and the
        storage do.
        """
        used = 0 if self.most_of_tenant is None else self.store.used_bytes(tenant)
        if self.most_of_tenant is not None and used >= self.most_of_tenant:
            raise FilesFull(limit=self.most_of_tenant, used=used)
        file_id = self.new_id()
        given: dict[str, str] = {}
        filename: str | None = None
        with ExitStack() as storing:  # what it holds is shown when all of the form was read
            for part in parts:
                if part.name in given or (part.name == "file" and filename is not None):
                    raise InvalidRequest.of(part.name, "is given twice")
                if part.name == "file":
                    filename = checked_name(part.filename or "")
                    storing.enter_context(self._expected(tenant, file_id))
                    writer = storing.enter_context(self.storage.create(name_of(tenant, file_id)))
                    self._write(part.data, writer)
                else:
                    given[part.name] = part.text()
                    check_field(part.name, given[part.name])
            fields = loaded_fields(given)
            if filename is None:
                raise InvalidRequest.of("file", "Missing data for required field.")
        new = NewFile(
            id=file_id,
            tenant=tenant,
            filename=filename,
            purpose=Purpose(fields["purpose"]),
            bytes=writer.bytes,
            lifetime_seconds=fields.get("seconds", self.lifetime_seconds),
        )
        return self._record(new)

    @contextmanager
    def _expected(self, tenant: str, file_id: str) -> Iterator[None]:
        """Its bytes are due, and deleted by a sweep, unless they are recorded in time or known not to be there."""
        self.store.expect(tenant, file_id, within_seconds=self.longest_seconds)
        try:
            yield
        except StorageError:
            raise
        except Exception:
            with suppress(JobError):
                self.store.forget(DoomedFile(id=file_id, tenant=tenant, names=()))
            raise

    def _write(self, data: Iterator[bytes], writer: Writer) -> None:
        for piece in data:
            if writer.bytes + len(piece) > self.max_bytes:
                raise FileTooLarge.above(self.max_bytes)
            writer.write(piece)

    def _record(self, new: NewFile) -> File:
        try:
            file = self.store.add(new, most_bytes=self.most_of_tenant)
        except FilesFull:
            with suppress(StorageError):  # then a sweep deletes it, once its time is over
                self.storage.delete(name_of(new.tenant, new.id))
            raise
        log.info("file_made", extra={"file_id": file.id, "bytes": file.bytes})
        return file

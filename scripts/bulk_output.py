"""The output of a bulk run: begun, or gone on with where an earlier run was interrupted."""

from __future__ import annotations

import os
import shutil
import sys
import uuid
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

from scripts.bulk_files import STREAM, UnusableFile
from scripts.bulk_forms import Form
from scripts.bulk_input import BadLine, Line
from scripts.bulk_outcome import Outcome
from scripts.bulk_record import OutputTaken, RunRecord, lock_record, read_record, record_path
from scripts.bulk_source import Survey
from scripts.bulk_tally import Tally

WAY_OUT = "choose another --output, or let --restart replace it"


@dataclass(frozen=True, slots=True)
class OpenOutput:
    """Where the outcomes of run *run_id* go; *tally* counts all that stand there."""

    run_id: str
    path: Path
    form: Form
    file: BinaryIO | FileIO
    tally: Tally

    def add(self, outcome: Outcome) -> None:
        """Writes *outcome* at once, so that a kill takes back no line that was told as ended."""
        row = self.form.row(outcome)
        rest = memoryview(row if self.tally.outcomes else self.form.head + row)
        try:
            while rest:
                rest = rest[self.file.write(rest) :]
            self.file.flush()
        except OSError as error:
            name = "stdout" if self.path == STREAM else self.path
            raise UnusableFile(f"cannot go on writing {name}: {error.strerror}") from error
        self.tally.add(outcome)


@contextmanager
def open_output(
    path: Path,
    form: Form,
    *,
    source: Survey | None,
    settings: Mapping[str, Any],
    restart: bool,
    make_run_id: Callable[[], str] = lambda: uuid.uuid4().hex[:16],
) -> Iterator[OpenOutput]:
    """The output at *path*, with what an earlier run of *source* with *settings* has left there.

    Results of another run are not touched unless *restart* says so; UnusableFile tells why.
    When the block ends each line stands in the file once.
    """
    run_id = make_run_id()
    if path == STREAM:
        yield OpenOutput(run_id, path, form, sys.stdout.buffer, Tally())
        return
    try:
        if not is_resumable(path):
            with path.open("wb", buffering=0) as file:
                yield OpenOutput(run_id, path, form, file, Tally())
            return
        if not restart and not record_path(path.resolve()).exists() and _has_content(path):
            raise _foreign(path)  # before anything is made beside it
        with lock_record(path.resolve()) as record_file:
            record = None if restart else _record_of_earlier(path, record_file.read(), source, settings)
            tally = _mend(path, form) if record else Tally()
            if record is None:
                record = RunRecord(run_id, source, settings)
                record_file.clear()
                path.write_bytes(b"")
                record_file.write(record)
            try:
                with path.open("ab", buffering=0) as file:
                    yield OpenOutput(record.run_id, path, form, file, tally)
            finally:
                if source is None:  # nothing could go on with it
                    record_path(path.resolve()).unlink(missing_ok=True)
            if tally.has_superseded:
                _keep_last_of_each_line(path.resolve(), form)
    except OutputTaken as taken:
        raise UnusableFile(str(taken)) from None
    except OSError as error:
        raise UnusableFile(f"cannot write {path}: {error.strerror}") from error


def lines_to_do(lines: Iterable[Line | BadLine], *, done: Tally, again: Container[int]) -> Iterator[Line | BadLine]:
    """Those of *lines* that have no outcome yet, and those to be done *again*."""
    return (line for line in lines if line.number in again or line.number not in done)


def standing(path: Path, form: Form, *, source: Survey | None, settings: Mapping[str, Any], restart: bool) -> Tally:
    """What a run would find at *path* to go on with, without touching anything; raises UnusableFile as a run would."""
    if restart or not is_resumable(path) or not path.exists():
        return Tally()
    if _record_of_earlier(path, read_record(path.resolve()), source, settings) is None:
        return Tally()
    try:
        with path.open("rb") as file:
            return _read(path, form, file)[0]
    except OSError as error:
        raise UnusableFile(f"cannot read {path}: {error.strerror}") from error


def is_resumable(path: Path) -> bool:
    """Whether what is written to *path* can be read again."""
    return path != STREAM and (path.is_file() or not path.exists())


def _record_of_earlier(
    path: Path, record: RunRecord | None, source: Survey | None, settings: Mapping[str, Any]
) -> RunRecord | None:
    """The run to go on with; None where there is nothing to lose."""
    if not path.exists():
        return None
    if record is None:
        if not _has_content(path):
            return None
        raise _foreign(path)
    if differences := record.differences(source, settings):
        if not _has_content(path):
            return None
        raise UnusableFile(f"{path} has results of another run: {'; '.join(differences)}. Repeat that, or {WAY_OUT}")
    return record


def _has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _foreign(path: Path) -> UnusableFile:
    return UnusableFile(f"{path} has content already, and not of a run that could go on; {WAY_OUT}")


def _mend(path: Path, form: Form) -> Tally:
    """The outcomes in *path*; what was written of a last line when its writer was killed is cut off."""
    with path.open("rb+") as file:
        tally, intact_bytes = _read(path, form, file)
        file.truncate(intact_bytes)
        if tally.outcomes and not _ends_with_newline(file, intact_bytes):
            file.seek(intact_bytes)
            file.write(b"\n")
    return tally


def _read(path: Path, form: Form, file: BinaryIO) -> tuple[Tally, int]:
    """The outcomes in *file*, and how many of its bytes hold them; raises UnusableFile for what is none."""
    tally, intact_bytes, read_bytes = Tally(), 0, 0
    for number, row in enumerate(form.rows(file), 1):
        read_bytes += len(row)
        if number == 1 and row == form.head:
            continue
        try:
            tally.add(form.outcome(row))
        except ValueError:
            if form.is_whole(row):
                raise UnusableFile(f"line {number} of {path} is no outcome of a run; {WAY_OUT}") from None
            break
        intact_bytes = read_bytes
    return tally, intact_bytes


def _ends_with_newline(file: BinaryIO, length: int) -> bool:
    file.seek(length - 1)
    return file.read(1) == b"\n"


def _keep_last_of_each_line(path: Path, form: Form) -> None:
    """A retried line has its old outcome and its new one; writes the file anew with the new ones alone."""
    last: dict[int, int] = {}
    with path.open("rb") as file:
        for position, row in enumerate(form.rows(file)):
            if row != form.head:
                last[form.outcome(row).line] = position
    keep = set(last.values())
    new = path.with_name(f".{path.name}.new")
    try:
        with path.open("rb") as file, new.open("wb") as target:
            target.write(form.head)
            target.writelines(row for position, row in enumerate(form.rows(file)) if position in keep)
            target.flush()
            os.fsync(target.fileno())
        shutil.copymode(path, new)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise

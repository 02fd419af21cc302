"""What a bulk run must know again when it goes on: its id, what it reads and how it generates.

It lies beside the output, and its lock says that the output is being written.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from scripts.bulk_source import Survey

SUFFIX = ".run"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """*source* is None where the input cannot be read again, such as a pipe."""

    run_id: str
    source: Survey | None
    settings: Mapping[str, Any]

    def differences(self, source: Survey | None, settings: Mapping[str, Any]) -> list[str]:
        """What would be done otherwise with *source* and *settings*, each in words."""
        return [*self._difference_of_source(source), *self._differences_of_settings(settings)]

    def as_bytes(self) -> bytes:
        return (json.dumps(asdict(self), indent=2) + "\n").encode()

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self | None:
        """What `as_bytes` has written; None for nothing, and for what was never written whole."""
        try:
            document = json.loads(raw)
            source = document["source"]
            return cls(document["run_id"], source and Survey(**source), dict(document["settings"]))
        except (ValueError, TypeError, KeyError):
            return None

    def _difference_of_source(self, source: Survey | None) -> list[str]:
        if self.source is None or source is None:
            return ["the input is a stream, which cannot be read a second time"]
        if self.source == source:
            return []
        lengths = f"{self.source.lines} lines then, {source.lines} now"
        return [f"the input has changed ({lengths})" if source.lines != self.source.lines else "the input has changed"]

    def _differences_of_settings(self, settings: Mapping[str, Any]) -> list[str]:
        now = json.loads(json.dumps(settings))
        names = [name for name in {**self.settings, **now} if self.settings.get(name) != now.get(name)]
        return [f"{_option(name)} was {_said(self.settings.get(name))}, is {_said(now.get(name))}" for name in names]


class RunRecordFile:
    """The place of a record, under lock."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self) -> RunRecord | None:
        return RunRecord.from_bytes(os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0))

    def clear(self) -> None:
        os.ftruncate(self._descriptor, 0)

    def write(self, record: RunRecord) -> None:
        """On disk when it returns, so that no job is submitted under an id that could be lost."""
        self.clear()
        os.pwrite(self._descriptor, record.as_bytes(), 0)
        os.fsync(self._descriptor)


def record_path(output: Path) -> Path:
    """Where the record of the run that writes to *output* lies."""
    return output.with_name(output.name + SUFFIX)


def read_record(output: Path) -> RunRecord | None:
    """The record of the run that writes to *output*, as it stands; it may be written meanwhile."""
    try:
        return RunRecord.from_bytes(record_path(output).read_bytes())
    except FileNotFoundError:
        return None


class OutputTaken(Exception):
    """Raised when another run writes to the output."""


@contextmanager
def lock_record(output: Path) -> Iterator[RunRecordFile]:
    """The record of the run that writes to *output*, held by nobody else until the end of the block."""
    path = record_path(output)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if not _locked(descriptor) or not _is_same_file(path, descriptor):  # its holder may just have removed it
            raise OutputTaken(f"another `frontier bulk` writes to {output} right now")
        yield RunRecordFile(descriptor)
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_same_file(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _said(value: Any) -> str:
    return "not given" if value is None or value is False or value == [] else json.dumps(value)

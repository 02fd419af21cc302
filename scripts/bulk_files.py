"""The files of a bulk run: where its lines come from and where its results go."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

STREAM = Path("-")


class UnusableFile(Exception):
    """Raised before a run when a file cannot be read, or must not be written."""


def default_output(source: Path) -> Path:
    """Beside the person, not beside the input, whose folder may be read-only."""
    return Path(f"{'stdin' if source == STREAM else source.stem}.results.jsonl")


@contextmanager
def open_source(path: Path) -> Iterator[BinaryIO]:
    if path == STREAM:
        yield sys.stdin.buffer
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise UnusableFile(f"cannot read {path}: {error.strerror}") from error
    with file:
        yield file


@contextmanager
def open_target(path: Path, *, source: Path, overwrite: bool) -> Iterator[BinaryIO]:
    """Results of hours are not written over unless *overwrite* says so."""
    if path == STREAM:
        yield sys.stdout.buffer
        return
    try:
        if path.exists() and source.exists() and path.samefile(source):
            raise UnusableFile(f"{path} is the input")
        if path.is_file() and path.stat().st_size and not overwrite:
            raise UnusableFile(f"{path} has results already; choose another --output, or --overwrite it")
        file = path.open("wb")
    except OSError as error:
        raise UnusableFile(f"cannot write {path}: {error.strerror}") from error
    with file:
        yield file

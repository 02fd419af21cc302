"""The files of a bulk run: where its lines come from and where its results go."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

STREAM = Path("-")


class UnusableFile(Exception):
    """Raised when a file cannot be read, or cannot or must not be written."""


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


def refuse_one_file_for_both(source: Path, target: Path) -> None:
    """Raises UnusableFile if writing *target* would destroy *source*."""
    if STREAM not in {source, target} and source.exists() and target.exists() and target.samefile(source):
        raise UnusableFile(f"{target} is the input")

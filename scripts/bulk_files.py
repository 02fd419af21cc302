"""The files of a bulk run: where its lines come from and where its results go."""

from __future__ import annotations

from pathlib import Path

STREAM = Path("-")


class UnusableFile(Exception):
    """Raised when a file cannot be read, or cannot or must not be written."""


def default_output(source: Path, suffix: str) -> Path:
    """Beside the person, not beside the input, whose folder may be read-only."""
    return Path(f"{'stdin' if source == STREAM else source.stem}.results{suffix}")


def refuse_one_file_for_both(source: Path, target: Path) -> None:
    """Raises UnusableFile if writing *target* would destroy *source*."""
    if STREAM not in {source, target} and source.exists() and target.exists() and target.samefile(source):
        raise UnusableFile(f"{target} is the input")

"""A disk of a few megabytes, of memory, which a test fills to the last page."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from io import RawIOBase
from pathlib import Path

PAGE = bytes(4096)


class DiskRefused(Exception):
    """Raised where this user may mount nothing; says what the system said."""


class SmallDisk:
    """A file system at `folder`; what fills it is a file called `ballast`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave no page free."""
        with self._ballast.open("ab", buffering=0) as ballast:
            while _is_taken(ballast, PAGE):
                pass

    def make_room(self) -> None:
        self._ballast.unlink()


def _is_taken(file: RawIOBase, data: bytes) -> bool:
    try:
        file.write(data)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            return False
        raise
    return True


@contextmanager
def small_disk(folder: Path, *, mebibytes: int) -> Iterator[SmallDisk]:
    """Mounted for as long as the block lasts. Raises DiskRefused."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "none", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    except OSError as error:
        raise DiskRefused(str(error)) from error
    except subprocess.CalledProcessError as error:
        raise DiskRefused(error.stderr) from error
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True, timeout=60)

"""What a storage can refuse, and the translation of the many ways in which what is behind it fails."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})


class StorageError(Exception):
    """Any refusal of a storage."""


class StorageMisplaced(StorageError):
    """Raised for an address at which no storage can be; says what is wrong with it."""


class StorageFull(StorageError):
    """Raised when no space is left, or what the system grants us of it is used up."""


class StorageTrouble(StorageError):
    """Raised when a storage cannot be reached, or fails in another way."""


class FileGone(StorageError):
    """Raised when nothing lies under a name."""


@contextmanager
def told_as_ours(*, sought: str | None = None) -> Iterator[None]:
    """Translate whatever fails inside; what is *sought* may be missing, for anything else that is trouble."""
    try:
        yield
    except StorageError:
        raise
    except FileNotFoundError as error:
        if sought is not None:
            raise FileGone(sought) from error
        raise StorageTrouble(_words(error)) from error
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise StorageFull(_words(error)) from error
        raise StorageTrouble(_words(error)) from error
    except Exception as error:  # object stores have errors of their own, of libraries that may not be there
        raise StorageTrouble(_words(error)) from error


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"

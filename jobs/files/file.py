"""What is known of a file."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from jobs.ids import unguessable


class Purpose(StrEnum):
    """What a file is for; the values are those on the wire."""

    BATCH = "batch"
    BATCH_OUTPUT = "batch_output"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of a tenant; instants are Unix seconds of the Redis server's clock. One that has expired is not found."""

    id: str
    tenant: str
    filename: str
    purpose: Purpose
    bytes: int
    created_at: float
    expires_at: float | None = None

    @property
    def name(self) -> str:
        """What its bytes lie under in the storage, unless they lie in parts."""
        return name_of(self.tenant, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePart:
    """A piece of a file, in the order in which they are read: what it lies under in the storage, and its length."""

    name: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A file whose bytes are stored; without a lifetime it is kept until somebody deletes it."""

    id: str
    tenant: str
    filename: str
    purpose: Purpose
    bytes: int
    lifetime_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DoomedFile:
    """A file that nobody finds any more, and the names of what is to be deleted in the storage."""

    id: str
    tenant: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePage:
    """Files in the order asked for, and whether others follow."""

    files: list[File]
    has_more: bool


def name_of(tenant: str, file_id: str) -> str:
    """What the bytes of a file that is no more than one object lie under in the storage."""
    return f"files/{tenant}/{file_id}"


def new_file_id(random_below: Callable[[int], int] = secrets.randbelow) -> str:
    """Such as `file-4fZ…`, as OpenAI's are written."""
    return f"file-{unguessable(random_below)}"

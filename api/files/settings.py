"""What an operator can set for files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import platformdirs
from marshmallow import ValidationError

from jobs.environment import Environment, between
from storage.errors import StorageMisplaced
from storage.location import check_url

URL = "FILES_URL"
PIECE_BYTES = 256 * 1024
"""What is read of a body at a time."""

_MOST_BYTES = 1 << 40
_WITHOUT_BODY_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True)
class FileSettings:
    """Where files lie, how large one may be and how long it is kept, if its sender does not say.

    `most_of_tenant` is how many bytes all files of one tenant may have, None for no limit.
    """

    url: str
    max_bytes: int = 200 * 1024 * 1024
    most_of_tenant: int | None = None
    lifetime_seconds: float = 30 * 86_400.0

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """See docs/operations.md for the variables. Raises SettingError; the usual address is not looked at."""
        reader = Environment(env)
        settings = cls(
            url=reader.str(URL, _default_url(env), validate=_is_storage if env.get(URL) else None),
            max_bytes=reader.int("FILES_MAX_BYTES", cls.max_bytes, validate=between(1, _MOST_BYTES)),
            most_of_tenant=reader.int("FILES_MAX_BYTES_PER_TENANT", None, validate=_is_limit),
            lifetime_seconds=reader.seconds("FILES_LIFETIME_S", cls.lifetime_seconds),
        )
        reader.check()
        return settings

    def longest_upload_seconds(self, piece_seconds: float) -> float:
        """By when the slowest upload that is let in is over, and recorded."""
        return math.ceil(self.max_bytes / PIECE_BYTES) * piece_seconds + _WITHOUT_BODY_SECONDS


def _default_url(env: Mapping[str, str]) -> str:
    folder = env.get("FRONTIER_DATA_DIR") or platformdirs.user_data_path("frontier")
    return f"file://{Path(folder).expanduser().absolute()}/files"


def _is_storage(value: str) -> None:
    try:
        check_url(value)
    except StorageMisplaced as error:
        raise ValidationError(f"{str(error)[:1].upper()}{str(error)[1:]}.") from error


def _is_limit(value: int | None) -> None:
    if value is not None:
        between(1, 1 << 50)(value)

"""How much a batch may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from jobs.environment import Environment, between

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class BatchLimits:
    """The most lines and bytes of an input, and bytes of one line.

    So many `errors` are told of one that is refused, in `error_bytes`.
    """

    lines: int = 50_000
    bytes: int = 200 * MEBIBYTE
    line_bytes: int = MEBIBYTE
    errors: int = 100
    error_bytes: int = 64 * 1024

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """BATCH_MAX_LINES, BATCH_MAX_BYTES and BATCH_MAX_LINE_BYTES. Raises SettingError."""
        reader = Environment(env)
        lines = reader.int("BATCH_MAX_LINES", cls.lines, validate=between(1, 10_000_000))
        most_bytes = reader.int("BATCH_MAX_BYTES", cls.bytes, validate=between(1024, 2**40))
        line_bytes = reader.int("BATCH_MAX_LINE_BYTES", cls.line_bytes, validate=between(1024, 64 * MEBIBYTE))
        reader.check()
        return cls(lines=lines, bytes=most_bytes, line_bytes=line_bytes)

"""What kinds of calls are counted apart."""

from __future__ import annotations

from enum import StrEnum


class RateClass(StrEnum):
    """`submit` is whatever makes a job or a batch, `read` what changes nothing, `manage` the rest."""

    SUBMIT = "submit"
    READ = "read"
    MANAGE = "manage"

    @classmethod
    def of_method(cls, method: str) -> RateClass:
        """What suits most calls with that method."""
        return cls.READ if method in {"GET", "HEAD", "OPTIONS"} else cls.MANAGE

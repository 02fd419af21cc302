"""The time in which a batch is to be done, as clients write it."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import ValidationError, fields

_HOUR_SECONDS = 3600
_HOURS = {"h": 1, "d": 24}
_FORM = re.compile(r"(([1-9]|[1-9][0-9]|1[0-5][0-9]|16[0-8])h|[1-7]d)")


class Window(fields.Field[float]):
    """Hours or days, `1h` to `168h` or `1d` to `7d`; seconds inside."""

    def __init__(self, **options: Any) -> None:
        form = {"type": "string", "pattern": f"^{_FORM.pattern}$"}
        super().__init__(metadata=form | options.pop("metadata", {}), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> float:
        del attr, data
        if not isinstance(value, str) or not _FORM.fullmatch(value):
            raise ValidationError("Must be 24h, or another time from 1h to 168h, or from 1d to 7d.")
        return float(int(value[:-1]) * _HOURS[value[-1]] * _HOUR_SECONDS)


def told_window(seconds: float) -> str:
    """In hours; what is no whole number of them, in seconds."""
    hours, rest = divmod(seconds, _HOUR_SECONDS)
    return f"{seconds:g}s" if rest else f"{hours:g}h"

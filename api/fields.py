"""Fields that take JSON at its word: no text for numbers, no numbers for truth values."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from marshmallow import ValidationError, fields, validate

from api.schema_rules import NO_NUL

_DIGITS = re.compile(r"-?[0-9]{1,9}")


class Whole(fields.Integer):
    """An integer in *low* to *high*. `1.0` is one: JSON does not tell them apart."""

    def __init__(self, low: int, high: int, **options: Any) -> None:
        self.low, self.high = low, high
        super().__init__(validate=_in_range(low, high, "a whole number"), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> int:
        del attr, data
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            raise ValidationError(f"Must be a whole number from {self.low} to {self.high}.")
        return int(value)


class QueryWhole(Whole):
    """The same in a query, where everything is text."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any) -> int:
        number = int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else value
        return super()._deserialize(number, attr, data, **options)


class Number(fields.Float):
    """A number in *low* to *high*; with `above` the lower end itself does not count."""

    def __init__(self, low: float, high: float, *, above: bool = False, **options: Any) -> None:
        self._form = (
            f"Must be a number {'above' if above else 'from'} {low:.16g} {'up to' if above else 'to'} {high:.16g}."
        )
        if above:
            options["metadata"] = options.get("metadata", {}) | {"exclusiveMinimum": low}
        super().__init__(validate=validate.Range(low, high, min_inclusive=not above, error=self._form), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> float:
        del attr, data
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValidationError(self._form)
        return float(value)


class Text(fields.String):
    """Text of *shortest* to *longest* characters."""

    default_error_messages = {"invalid": "Must be text."}  # noqa: RUF012 - marshmallow's own declaration

    def __init__(self, shortest: int = 1, longest: int | None = None, **options: Any) -> None:
        if longest is None:
            error = "Must not be empty." if shortest == 1 else "Must have at least {min} characters."
        else:
            error = "Must have {min} to {max} characters."
        checks = [validate.Length(shortest, longest, error=error), *options.pop("also", ())]
        super().__init__(validate=checks, metadata={"pattern": NO_NUL, **options.pop("metadata", {})}, **options)


class Truth(fields.Boolean):
    """true or false, nothing that resembles them."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> bool:
        del attr, data
        if not isinstance(value, bool):
            raise ValidationError("Must be true or false.")
        return value


class Instant(fields.String):
    """A moment in ISO 8601 with an offset; Unix seconds inside."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> Any:
        del attr, data
        try:
            moment = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            moment = None
        if moment is None or moment.tzinfo is None:
            raise ValidationError("Must be a moment such as 2030-01-31T12:00:00Z.")
        return moment.timestamp()


def iso(instant: float) -> str:
    """Unix seconds as ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(instant, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _in_range(low: float, high: float, what: str) -> validate.Range:
    return validate.Range(low, high, error=f"Must be {what} from {low:.16g} to {high:.16g}.")

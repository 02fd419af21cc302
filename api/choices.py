"""A field for a list of names out of a closed list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import ValidationError, fields


class Choices(fields.Field[tuple[str, ...]]):
    """Some of *known*, each at most once; a name may be given by its last part where `shortened` is its first."""

    def __init__(self, known: Sequence[str], *, fewest: int = 1, shortened: str = "", **options: Any) -> None:
        self._known, self._fewest, self._shortened = known, fewest, shortened
        short = [name.removeprefix(shortened) for name in known] if shortened else []
        form = {
            "type": "array",
            "minItems": fewest,
            "maxItems": len(known),
            "uniqueItems": True,
            "items": {"type": "string", "enum": [*known, *short]},
        }
        super().__init__(metadata={**form, **options.pop("metadata", {})}, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> tuple[str, ...]:
        del attr, data
        if not isinstance(value, list) or not self._fewest <= len(value) <= len(self._known):
            raise ValidationError(f"Must be a list of {self._fewest} to {len(self._known)} names.")
        chosen: list[str] = []
        for index, given in enumerate(value):
            name = self._name(given)
            if name is None:
                raise ValidationError({index: [f"Must be one of {', '.join(self._known)}."]})
            if name in chosen:
                raise ValidationError({index: ["Is given twice."]})
            chosen.append(name)
        return tuple(chosen)

    def _name(self, given: Any) -> str | None:
        if not isinstance(given, str):
            return None
        return next((name for name in (given, self._shortened + given) if name in self._known), None)

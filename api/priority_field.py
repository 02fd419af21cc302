"""How urgent a job is, as every interface asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate

from jobs.job import Priority

_CHOICES = [priority.value for priority in Priority]


class PriorityField(fields.String):
    """One of the priorities; what an absent one means is up to the interface, which `usual` names."""

    def __init__(self, usual: str) -> None:
        super().__init__(
            validate=validate.OneOf(_CHOICES, error="Must be one of {choices}."),
            error_messages={"invalid": f"Must be one of {', '.join(_CHOICES)}."},
            metadata={"description": usual},
        )


def asked_priority(data: Mapping[str, Any]) -> Priority | None:
    """What the field called `priority` holds; None if it is absent."""
    return Priority(data["priority"]) if data.get("priority") else None

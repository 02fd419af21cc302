"""What all parts of a model configuration have in common: no settings but those that are known."""

from __future__ import annotations

from marshmallow import Schema

_MESSAGES = {"unknown": "is not a known setting", "type": "must be a mapping"}


class StrictSchema(Schema):
    """Refuses what it does not know."""

    error_messages = _MESSAGES

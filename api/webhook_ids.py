"""Ids of endpoints, deliveries and events, as far as one can tell that they are none."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import ValidationError, fields

from jobs.webhooks.errors import DeliveryNotFound, EndpointNotFound
from jobs.webhooks.event import place_of

_ENDPOINT = re.compile(r"we_[0-9A-Za-z]{22}")
_DELIVERY = re.compile(r"dlv_[0-9a-f]{32}")
_EVENT = re.compile(r"evt_[0-9a-f]{16}[0-9A-Za-z_]{1,40}")


def checked_endpoint_id(endpoint_id: str) -> str:
    """The id, if it could be one; else it is as unknown as any other. Raises EndpointNotFound."""
    if not _ENDPOINT.fullmatch(endpoint_id):
        raise EndpointNotFound(endpoint_id)
    return endpoint_id


def checked_delivery_id(delivery_id: str) -> str:
    """The same for a delivery. Raises DeliveryNotFound."""
    if not _DELIVERY.fullmatch(delivery_id):
        raise DeliveryNotFound(delivery_id)
    return delivery_id


class EndpointId(fields.String):
    """An endpoint's id in a body or a query."""

    def __init__(self, **options: Any) -> None:
        super().__init__(metadata=_said(_ENDPOINT) | options.pop("metadata", {}), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str:
        del attr, data
        return _matching(_ENDPOINT, value, "Must be the id of an endpoint.")


class DeliveryId(fields.String):
    """A delivery's."""

    def __init__(self, **options: Any) -> None:
        super().__init__(metadata=_said(_DELIVERY) | options.pop("metadata", {}), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str:
        del attr, data
        return _matching(_DELIVERY, value, "Must be the id of a delivery.")


class EventId(fields.String):
    """An event's, whether or not it is still listed."""

    def __init__(self, *, refusal: str = "Must be the id of an event.", **options: Any) -> None:
        self._refusal = refusal
        super().__init__(metadata=_said(_EVENT) | options.pop("metadata", {}), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str:
        del attr, data
        if not isinstance(value, str) or place_of(value) is None:
            raise ValidationError(self._refusal)
        return value


def _said(form: re.Pattern[str]) -> dict[str, str]:
    return {"pattern": f"^{form.pattern}$"}


def _matching(form: re.Pattern[str], value: Any, refusal: str) -> str:
    if not isinstance(value, str) or not form.fullmatch(value):
        raise ValidationError(refusal)
    return value

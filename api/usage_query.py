"""What may be asked of usage: which days, whose, and by what it is told apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from marshmallow import ValidationError, fields, validate

from api.api_key_schema import TenantName
from api.errors import InvalidRequest
from api.strict_schema import QuerySchema

GROUPS = ("day", "tenant", "key", "model", "outcome")
USUAL_DAYS = 30
MOST_DAYS = 400
MOST_DAYS_OF_ALL = 31

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_ANY = "|".join(GROUPS)
_FIRST_YEAR = 1971


class Day(fields.String):
    """A day in ISO 8601."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> Any:
        del attr, data
        try:
            day = date.fromisoformat(value) if _DAY.fullmatch(value) else None
        except ValueError:
            day = None
        if day is None or day.year < _FIRST_YEAR:
            raise ValidationError("Must be a day such as 2030-01-31.")
        return day


class Groups(fields.String):
    """Some of `GROUPS` with commas between, in any order."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> Any:
        del attr, data
        names = [name.strip() for name in value.split(",")] if value else []
        for name in names:
            if name not in GROUPS:
                raise ValidationError(f"Must be some of {', '.join(GROUPS)}, with commas between.")
            if names.count(name) > 1:
                raise ValidationError(f"Names {name} twice.")
        return tuple(name for name in GROUPS if name in names)


class UsageQuerySchema(QuerySchema):
    """Which days, whose, and in what form."""

    first = Day(
        data_key="from",
        metadata={
            "format": "date",
            "description": f"The first day, in UTC; by default {USUAL_DAYS} days are told",
            "example": "2026-11-01",
        },
    )
    last = Day(
        data_key="to",
        metadata={
            "format": "date",
            "description": f"The last day; by default today. No more than {MOST_DAYS} days, "
            f"{MOST_DAYS_OF_ALL} of all tenants",
            "example": "2026-11-30",
        },
    )
    group_by = Groups(
        load_default=(),
        metadata={
            "pattern": rf"^$|^({_ANY})(,({_ANY}))*$",
            "description": f"What rows are told apart by: {', '.join(f'`{name}`' for name in GROUPS)}, with commas "
            "between. With `tenant`, which needs the scope `admin`, the usage of all tenants is told",
            "example": "model,outcome",
        },
    )
    tenant = TenantName(metadata={"description": "Whose usage; another tenant's needs the scope `admin`"})
    form = fields.String(
        data_key="format",
        validate=validate.OneOf(("json", "csv"), error="Must be one of {choices}."),
        metadata={"description": "It wins over `Accept`"},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageQuery:
    """The days from `first` to `last`; without a `tenant` it is about all. `group_by` is in the order of `GROUPS`."""

    first: date
    last: date
    tenant: str | None
    group_by: tuple[str, ...]
    form: Literal["json", "csv"]


def usage_query(given: Mapping[str, Any], *, own: str, today: date, form: Literal["json", "csv"]) -> UsageQuery:
    """What a caller of the tenant *own* asks for; *form* is for one who does not say. Raises InvalidRequest."""
    first, last = given.get("first"), given.get("last")
    usual = timedelta(days=USUAL_DAYS - 1)
    if last is None:
        last = today if first is None else max(first, today)
    if first is None:
        first = last - usual
    tenant = given.get("tenant", None if "tenant" in given["group_by"] else own)
    if first > last:
        raise InvalidRequest.of("to", "is before `from`")
    most = MOST_DAYS if tenant is not None else MOST_DAYS_OF_ALL
    if (last - first).days >= most:
        of_all = "" if tenant is not None else " of all tenants"
        raise InvalidRequest.of("from", f"is {(last - first).days + 1} days before the end; {most} are told{of_all}")
    return UsageQuery(first=first, last=last, tenant=tenant, group_by=given["group_by"], form=given.get("form", form))

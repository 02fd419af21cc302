"""What no argument may be: empty, as an unset shell variable is.

What names jobs, keys, models and tenants may be no step through the paths of the API either.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobs.access.api_key import TENANT_NAME


def name_of(name: str) -> str:
    """*name*, which raises BadParameter if it cannot be one."""
    if not name:
        raise typer.BadParameter("is empty")
    if {".", ".."} & set(name.split("/")):
        raise typer.BadParameter(f"{name!r} is no name")
    return name


def _names(names: list[str] | None) -> list[str] | None:
    return names and [name_of(name) for name in names]


def _tenant(name: str) -> str:
    if not TENANT_NAME.fullmatch(name):
        raise typer.BadParameter(f"{name!r} is no tenant's name: lower-case letters, digits, _ and -, at most 32")
    return name


def given(value: str | None) -> str | None:
    """*value*, which raises BadParameter if it is empty; None is left as it is."""
    if value == "":
        raise typer.BadParameter("is empty")
    return value


def each_given(values: list[str] | None) -> list[str] | None:
    return values and [value for value in values if given(value)]


def path(text: str) -> Path:
    """*text* as a path; an empty one would be this folder."""
    given(text)
    return Path(text)


JobId = Annotated[str, typer.Argument(metavar="ID", callback=name_of)]
JobIds = Annotated[list[str] | None, typer.Argument(metavar="ID", callback=_names)]
KeyId = Annotated[str, typer.Argument(metavar="KEY_ID", callback=name_of)]
ModelName = Annotated[str, typer.Argument(metavar="NAME", help="Model or alias.", callback=name_of)]
TenantName = Annotated[str, typer.Argument(metavar="TENANT", callback=_tenant)]

"""What no argument may be: empty, as an unset shell variable is.

What names jobs, keys, models and tenants may be no step through the paths of the API either.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from jobs.access.api_key import TENANT_NAME

Word = TypeVar("Word", bound=StrEnum)


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


def choice(option: str, words: type[Word], what: str) -> Any:
    """An option that is one of *words*; what is none of them is refused with all of them."""
    return typer.Option(option, metavar="|".join(words), parser=_one_of(words), help=what)


def _one_of(words: type[Word]) -> Callable[[str], Word]:
    def parse(text: str) -> Word:
        try:
            return words(text)
        except ValueError:
            raise typer.BadParameter(f"{text!r} is not one of {', '.join(words)}") from None

    return parse


def path(text: str) -> Path:
    """*text* as a path; an empty one would be this folder."""
    given(text)
    return Path(text)


JobId = Annotated[str, typer.Argument(metavar="ID", callback=name_of)]
JobIds = Annotated[list[str] | None, typer.Argument(metavar="ID", callback=_names)]
KeyId = Annotated[
    str, typer.Argument(metavar="KEY_ID", help="As `frontier keys list` shows it: key_….", callback=name_of)
]
ModelName = Annotated[str, typer.Argument(metavar="NAME", help="Model or alias.", callback=name_of)]
TenantName = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant's name, such as acme.", callback=_tenant)]

"""The arguments that name jobs and models.

None may be empty, as an unset shell variable would be, and none may be a step through the paths of the API.
"""

from __future__ import annotations

from typing import Annotated

import typer


def _name(name: str) -> str:
    if not name:
        raise typer.BadParameter("is empty")
    if {".", ".."} & set(name.split("/")):
        raise typer.BadParameter(f"{name!r} is no name")
    return name


def _names(names: list[str] | None) -> list[str] | None:
    return names and [_name(name) for name in names]


JobId = Annotated[str, typer.Argument(metavar="ID", callback=_name)]
JobIds = Annotated[list[str] | None, typer.Argument(metavar="ID", callback=_names)]
ModelName = Annotated[str, typer.Argument(metavar="NAME", help="Model or alias.", callback=_name)]

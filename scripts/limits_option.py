"""`--limits` of the commands that serve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

NONE = "none"


def _checked(limits: str | None) -> str | None:
    if limits not in {None, NONE}:
        raise typer.BadParameter(f"{limits!r} is not {NONE}; how many are let in, RATE_LIMIT_RPM says")
    return limits


LimitsOption = Annotated[
    str | None,
    typer.Option("--limits", metavar=NONE, help="none: count no requests, for benchmarks.", callback=_checked),
]


def with_limits(env: Mapping[str, str], limits: str | None) -> dict[str, str]:
    """The environment of a deployment with these limits."""
    from api.limit_settings import NO_LIMITS

    return {**env, **NO_LIMITS} if limits == NONE else dict(env)

"""The outcome of all checks, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Column, Table
from rich.text import Text

from scripts.screen import drawable
from scripts.test_api.check import Check, Outcome
from scripts.timings import seconds_text

STYLES = {Outcome.PASSED: "green", Outcome.FAILED: "bold red", Outcome.SKIPPED: "yellow"}


def check_table(checks: Sequence[Check]) -> Table:
    """A row for each; what failed or was skipped says why where else stands what was checked."""
    table = Table(
        Column("group", no_wrap=True),
        Column("call", overflow="fold"),
        Column("outcome", no_wrap=True),
        Column("status", no_wrap=True, justify="right"),
        Column("time", no_wrap=True, justify="right"),
        Column("checked", overflow="fold"),
        box=None,
        pad_edge=False,
    )
    for check in checks:
        table.add_row(
            check.group,
            Text(check.operation),
            Text(check.outcome, style=STYLES[check.outcome]),
            "" if check.status is None else str(check.status),
            "" if check.seconds is None else seconds_text(check.seconds),
            Text(drawable(check.words)),
        )
    return table


def summary(checks: Sequence[Check], *, seconds: float) -> str:
    """Such as `62 passed, 0 failed, 4 skipped in 12.3 s`."""
    counts = Counter(check.outcome for check in checks)
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome) + f" in {seconds_text(seconds)}"


def as_json(url: str, checks: Sequence[Check]) -> dict[str, Any]:
    """The same as one object."""
    counts = Counter(check.outcome for check in checks)
    return {"url": url, **{outcome.value: counts[outcome] for outcome in Outcome}, "checks": [*map(asdict, checks)]}

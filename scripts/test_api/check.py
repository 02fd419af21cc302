"""What is checked of one operation, and how it went."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from scripts.test_api.system import System

_PARAMETER = re.compile(r"\{[^}]*\}")


class Outcome(StrEnum):
    """How a check went; what was skipped says why."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One check to be made of an *operation*, such as `GET /v1/jobs/{id}`; *words* say what it checks.

    *run* raises Unmet or Skipped, and may tell what was checked in place of *words*.
    """

    group: str
    operation: str
    words: str
    run: Callable[[System], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A case that was run: *status* and *seconds* of the last call to its operation, None where there was none."""

    group: str
    operation: str
    outcome: Outcome
    words: str
    status: int | None = None
    seconds: float | None = None


def case(group: str, operation: str, words: str) -> Callable[[Callable[[System], str | None]], Case]:
    """Makes a case of the function that runs it."""

    def make(run: Callable[[System], str | None]) -> Case:
        return Case(group=group, operation=operation, words=words, run=run)

    return make


def shape(operation: str) -> str:
    """The operation whatever its parameters are called."""
    return _PARAMETER.sub("{}", operation)

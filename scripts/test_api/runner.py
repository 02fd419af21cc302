"""Runs the cases, and names the operations of the document that none of them checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from scripts.api_errors import ApiUnreachable
from scripts.test_api import (
    batches,
    files,
    health,
    jobs,
    keys,
    limits,
    openai_calls,
    responses,
    streams,
    tenants,
    usage,
    webhooks,
)
from scripts.test_api.answer import Skipped, Unmet
from scripts.test_api.check import Case, Check, Outcome, shape
from scripts.test_api.system import System

CASES: tuple[Case, ...] = (
    *health.CASES,
    *jobs.CASES,
    *streams.CASES,
    *openai_calls.CASES,
    *responses.CASES,
    *files.CASES,
    *batches.CASES,
    *webhooks.CASES,
    *keys.CASES,
    *usage.CASES,
    *tenants.CASES,
    *limits.CASES,
)
METHODS = ("get", "post", "put", "patch", "delete")


def run(
    system: System, document: dict[str, Any], *, cases: Sequence[Case] = CASES, tell: Callable[[str], object]
) -> Iterator[Check]:
    """The outcome of each case, then of each operation of *document* that has none; *tell* hears what is under way."""
    operations = operations_of(document)
    shapes = {shape(operation) for operation in operations}
    for case in cases:
        tell(f"{case.group}: {case.operation}")
        yield _run_one(case, system, is_documented=shape(case.operation) in shapes)
    checked = {shape(case.operation) for case in cases}
    for operation in operations:
        if shape(operation) not in checked:
            yield Check(group="other", operation=operation, outcome=Outcome.FAILED, words="not checked: unknown here")


def operations_of(document: dict[str, Any]) -> list[str]:
    """What an OpenAPI document describes, such as `GET /v1/jobs/{job_id}`."""
    return [
        f"{method.upper()} {path}"
        for path, members in document["paths"].items()
        for method in METHODS
        if method in members
    ]


def _run_one(case: Case, system: System, *, is_documented: bool) -> Check:
    system.answers.clear()
    outcome, words = Outcome.PASSED, case.words
    try:
        words = case.run(system) or words
    except Skipped as skipped:
        outcome, words = Outcome.SKIPPED, str(skipped)
    except (Unmet, ApiUnreachable) as error:
        outcome, words = Outcome.FAILED, str(error)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        outcome, words = Outcome.FAILED, f"an answer has another form: {type(error).__name__}: {error}"
    last = next((one for one in reversed(system.answers) if one.operation == case.operation), None)
    if outcome is Outcome.PASSED and not is_documented:
        outcome, words = Outcome.FAILED, "it is not in /openapi.json"
    return Check(
        group=case.group,
        operation=case.operation,
        outcome=outcome,
        words=words,
        status=last.status if last else None,
        seconds=last.seconds if last else None,
    )

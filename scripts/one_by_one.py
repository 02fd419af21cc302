"""The same call for many jobs: what is refused is named, and the others go on."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import typer

from scripts.address import Address
from scripts.client import ApiProblem
from scripts.screen import fail


def for_each_id(job_ids: Iterable[str], call: Callable[[str], str], address: Address) -> int:
    """Prints what *call* answers for each id, and returns for how many; raises typer.Exit if any was refused."""
    refusals: list[typer.Exit] = []
    done = 0
    for job_id in job_ids:
        try:
            typer.echo(call(job_id))
            done += 1
        except ApiProblem as problem:
            refusals.append(fail(f"{job_id}: {address.explain(problem)}"))
    if refusals:
        raise refusals[0]
    return done

"""`frontier usage`: what was used, by whom and for what."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.table import Column, Table
from rich.text import Text

from scripts.address import find_address
from scripts.arguments import given
from scripts.client import FrontierClient
from scripts.generation import DataDirOption, JsonOption, UrlOption
from scripts.job_table import word
from scripts.screen import fail, one_line_errors, print_result

NUMBERS = {
    "jobs": "jobs",
    "prompt_tokens": "prompt",
    "completion_tokens": "completion",
    "cached_tokens": "cached",
    "wasted_tokens": "wasted",
    "engine_seconds": "engine s",
}


def usage(
    *,
    first: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="DAY",
            help="First day, in UTC, such as 2026-11-01; by default 29 days before the last.",
            callback=given,
        ),
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DAY", help="Last day, in UTC; by default today.", callback=given)
    ] = None,
    group_by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="NAMES",
            help="A line for each day, tenant, key, model or outcome; several with commas between. Else one line.",
            callback=given,
        ),
    ] = None,
    tenant: Annotated[
        str | None,
        typer.Option("--tenant", help="Whose; by default your own, or with --by tenant everybody's.", callback=given),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: JsonOption = False,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Add up what the jobs have used that have ended, by default in the last 30 days."""
    if as_csv and as_json:
        raise fail("choose one of --csv and --json")
    address = find_address(url, data_dir, os.environ)
    asked = {"from": first, "to": last, "group_by": group_by, "tenant": tenant}
    query = {name: value for name, value in asked.items() if value is not None}
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        if as_csv:
            typer.echo(client.usage_as_csv(query), nl=False)
            return
        told = client.usage(query)
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    print_result(_table(told["data"] if told["group_by"] else [told["total"]]))


def _table(rows: Sequence[Mapping[str, Any]]) -> Table | str:
    if not rows:
        return "nothing was used"
    names = [name for name in rows[0] if name not in NUMBERS]
    numbers = [Column(title, justify="right") for title in NUMBERS.values()]
    table = Table(*names, *numbers, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(word(row[name])) for name in names), *(str(row[number]) for number in NUMBERS))
    return table

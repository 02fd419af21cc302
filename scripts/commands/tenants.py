"""`frontier tenants`: says what tenants may have, and how much of it they use."""

from __future__ import annotations

import json
import os
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from scripts.address import find_address
from scripts.arguments import TenantName
from scripts.client import FrontierClient
from scripts.generation import DataDirOption, JsonOption, UrlOption
from scripts.job_table import folded, word
from scripts.screen import one_line_errors, print_result, stdout

app = typer.Typer(help="Look at tenants and set their limits.", no_args_is_help=True)

NAMES = ("tokens_per_minute", "tokens_per_day", "concurrent_jobs", "waiting_jobs", "weight")
NONE = "none"


def _number(text: str | None) -> str | None:
    if text is None or text == NONE:
        return text
    try:
        float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a number nor {NONE!r}") from None
    return text


def _limit(option: str, what: str) -> Any:
    return typer.Option(
        option, metavar="NUMBER", help=f"{what}; {NONE}: the usual, as without its own.", callback=_number
    )


@app.command("list")
def list_tenants(*, as_json: JsonOption = False, url: UrlOption = None, data_dir: DataDirOption = None) -> None:
    """List tenants that have keys, or limits of their own; with --json one per line."""
    address = find_address(url, data_dir, os.environ)
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        tenants = list(client.tenants.listed())
    if as_json:
        for tenant in tenants:
            typer.echo(json.dumps(tenant, ensure_ascii=False))
        return
    columns = {"tenant": [word(one["id"]) for one in tenants]}
    print_result(folded(columns, list(map(_remark, tenants)), room=stdout().width) if tenants else "no tenants")


@app.command()
def show(
    tenant: TenantName, as_json: JsonOption = False, url: UrlOption = None, data_dir: DataDirOption = None
) -> None:
    """Show a tenant's limits, and how much of them it has used."""
    address = find_address(url, data_dir, os.environ)
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        found = client.tenants.show(tenant)
    _print(found, as_json=as_json)


@app.command("set")
def set_limits(
    tenant: TenantName,
    *,
    tokens_per_minute: Annotated[
        str | None, _limit("--tokens-per-minute", "Most tokens in a minute, prompts and completions together")
    ] = None,
    tokens_per_day: Annotated[str | None, _limit("--tokens-per-day", "Most tokens in a day")] = None,
    concurrent_jobs: Annotated[str | None, _limit("--concurrent-jobs", "Most jobs that wait or run")] = None,
    waiting_jobs: Annotated[str | None, _limit("--waiting-jobs", "Most jobs that wait for one model")] = None,
    weight: Annotated[
        str | None, _limit("--weight", "Share of a model beside other tenants, who have 1: 0.25, 0.5, 1, 2, 4, 8 or 16")
    ] = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Change some of a tenant's limits; the others stay as they are."""
    given = dict(zip(NAMES, (tokens_per_minute, tokens_per_day, concurrent_jobs, waiting_jobs, weight), strict=True))
    changes = {name: None if text == NONE else float(text) for name, text in given.items() if text is not None}
    if not changes:
        raise typer.BadParameter("give at least one limit", param_hint="--tokens-per-minute, --weight, …")
    address = find_address(url, data_dir, os.environ)
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        found = client.tenants.set(tenant, changes)
    _print(found, as_json=as_json)


def _print(tenant: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(tenant, indent=2, ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("limit", "own", "usual", "used"):
        table.add_column(heading, header_style="dim", justify="left" if heading == "limit" else "right")
    used = {str(one["policy"]).replace("-", "_"): one["used"] for one in tenant["standing"]}
    for name in NAMES:
        row = (tenant["limits"].get(name), tenant["defaults"].get(name), used.get(name))
        table.add_row(Text(name.replace("_", " ")), *(Text("" if value is None else f"{value:,}") for value in row))
    print_result(table)


def _remark(tenant: dict[str, Any]) -> str:
    own = [f"{name.replace('_', ' ')} {value:,}" for name, value in tenant["limits"].items() if value is not None]
    return ", ".join(own) or "no limits of its own"

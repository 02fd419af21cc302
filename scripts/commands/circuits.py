"""`frontier circuits`: what is left alone because it fails, and the operator's word on it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table
from rich.text import Text

from scripts.address import find_address
from scripts.arguments import given, name_of
from scripts.circuit_calls import Forced
from scripts.client import FrontierClient
from scripts.generation import DataDirOption, JsonOption, UrlOption
from scripts.job_table import to_the_second, word
from scripts.screen import drawable, one_line_errors, print_result

app = typer.Typer(
    help="See which models and receivers of webhooks are left alone because they fail; hold a circuit open or closed.",
    no_args_is_help=True,
)

COLOURS = {"open": "bold red", "half_open": "yellow"}
CircuitName = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="A model or alias, or a key: model:NAME, endpoint:ID or origin:URL.", callback=name_of
    ),
]
WhoseOption = Annotated[
    str | None,
    typer.Option("--tenant", help="Whose endpoints and origins; by default those of your key.", callback=given),
]


@app.command("list")
def list_circuits(
    *, tenant: WhoseOption = None, as_json: JsonOption = False, url: UrlOption = None, data_dir: DataDirOption = None
) -> None:
    """List the circuits of models, and of endpoints and origins of webhooks; with --json one per line."""
    address = find_address(url, data_dir, os.environ)
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        circuits = client.circuits.listed(tenant=tenant)
    if as_json:
        for circuit in circuits:
            typer.echo(json.dumps(circuit, ensure_ascii=False))
        return
    numbers = [Column(name, justify="right") for name in ("calls", "failed", "rejected")]
    table = Table("circuit", "state", "tried again", *numbers, "held by", box=None, pad_edge=False)
    for circuit in circuits:
        window, state = circuit["window"], word(circuit["state"])
        table.add_row(
            Text(drawable(word(circuit["key"]))),
            Text(state, style=COLOURS.get(state, "")),
            to_the_second(word(circuit["reopens_at"])),
            str(window["calls"]),
            f"{window['failure_rate']:.0%}",
            str(circuit["counts"]["rejected"]),
            Text(drawable(word((circuit["forced"] or {}).get("by")))),
        )
    print_result(table if circuits else "no circuits")


@app.command("open")
def hold_open(
    name: CircuitName,
    *,
    tenant: WhoseOption = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Start no more jobs of a model and have new ones refused, or send a receiver nothing, until it is released."""
    _force(name, "open", tenant, url, data_dir, as_json=as_json)


@app.command("close")
def hold_closed(
    name: CircuitName,
    *,
    tenant: WhoseOption = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Let every job or delivery through, however many fail, until it is released."""
    _force(name, "closed", tenant, url, data_dir, as_json=as_json)


@app.command()
def release(
    name: CircuitName,
    *,
    tenant: WhoseOption = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Hold a circuit no longer: it begins anew, closed, and opens when too much fails."""
    _force(name, None, tenant, url, data_dir, as_json=as_json)


def _force(
    name: str, state: Forced | None, tenant: str | None, url: str | None, data_dir: Path | None, *, as_json: bool
) -> None:
    address = find_address(url, data_dir, os.environ)
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        circuit = client.circuits.force(name, state, tenant=tenant)
    typer.echo(json.dumps(circuit, ensure_ascii=False) if as_json else _words(circuit))


def _words(circuit: dict[str, Any]) -> str:
    held = f", held by {word(circuit['forced']['by'])}" if circuit.get("forced") else ""
    return drawable(f"{word(circuit['key'])} is {word(circuit['state'])}{held}")

"""`frontier health`: is the API ready, and who works for it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import typer
from rich.table import Table

from scripts.address import find_address
from scripts.client import FrontierClient
from scripts.generation import DataDirOption, JsonOption, UrlOption
from scripts.paths import data_dir as find_data_dir
from scripts.paths import read_running
from scripts.screen import drawable, one_line_errors, print_result


def health(as_json: JsonOption = False, url: UrlOption = None, data_dir: DataDirOption = None) -> None:
    """Tell how the API and its models are; exits with 1 unless the API is ready."""
    address = find_address(url, data_dir, os.environ)
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        ready, body = client.health()
    if as_json:
        typer.echo(json.dumps(body, indent=2, ensure_ascii=False))
    else:
        running = read_running(find_data_dir(data_dir))
        pages = running.metrics if running and running.url == address.url else {}
        print_result(_table(address.url, body, pages))
    if not ready:
        raise typer.Exit(1)


def _table(url: str, body: dict[str, Any], pages: Mapping[str, str]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("api", drawable(url))
    for name, value in _rows(body):
        table.add_row(name, drawable(value))
    for name, page in pages.items():
        table.add_row(f"metrics of {name}", drawable(page))
    return table


def _rows(body: dict[str, Any]) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in body.items():
        if name == "models" and isinstance(value, dict):
            rows += [(f"model {model}", _words(facts)) for model, facts in value.items()]
        else:
            rows.append((name, _words(value)))
    return rows


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(item)}" for name, item in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)

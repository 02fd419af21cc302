"""`frontier doctor`: what is wrong on this machine, and what to do about it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from models.catalog import CONFIG_VARIABLE
from scripts.finding import Finding, Level
from scripts.generation import DataDirOption
from scripts.paths import Running, read_running
from scripts.paths import data_dir as find_data_dir
from scripts.screen import print_result

STYLES = {Level.OK: "green", Level.WARN: "yellow", Level.BAD: "bold red"}


def doctor(
    host: Annotated[str, typer.Option(help="Address that the API is to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the API.", envvar="PORT", min=1, max=65535)] = 8080,
    data_dir: DataDirOption = None,
) -> None:
    """Say what is wrong on this machine and what to do; exits with 1 if something is bad."""
    from scripts import machine_checks, service_checks, upstream_checks

    folder = find_data_dir(data_dir)
    env = _with_config_of(read_running(folder), os.environ)
    findings = [
        machine_checks.check_python(),
        *machine_checks.check_packages(),
        machine_checks.check_folder_and_disk(folder),
        machine_checks.check_token(folder, env),
        machine_checks.check_secret_key(folder, env),
        *machine_checks.check_models(env),
        *upstream_checks.check_upstreams(env),
        *service_checks.check_redis(folder, env),
        *service_checks.check_api(folder, host=host, port=port),
    ]
    print_result(_table(findings))
    if any(finding.level is Level.BAD for finding in findings):
        raise typer.Exit(1)


def _with_config_of(running: Running | None, env: Mapping[str, str]) -> Mapping[str, str]:
    """*env*, with the configuration that runs if it names none."""
    if running is None or running.config is None or env.get(CONFIG_VARIABLE):
        return env
    return {**env, CONFIG_VARIABLE: running.config}


def _table(findings: list[Finding]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        words = Text(finding.words)
        if finding.advice:
            words.append(f"\n{finding.advice}", style="italic")
        table.add_row(Text(finding.level, style=STYLES[finding.level]), Text(finding.subject), words)
    return table

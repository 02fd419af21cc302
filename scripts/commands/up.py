"""`frontier up`: everything on this machine, until Ctrl-C."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from scripts.generation import DataDirOption
from scripts.limits_option import LimitsOption, with_limits
from scripts.paths import data_dir as find_data_dir
from scripts.screen import fail


def up(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 is all of this machine's.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the API.", envvar="PORT", min=1, max=65535)] = 8080,
    data_dir: DataDirOption = None,
    model: Annotated[list[str] | None, typer.Option(help="Run only this model; may be repeated.")] = None,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Start the server and the API alone.")] = False,
    hello: Annotated[str | None, typer.Option(help="Run one job with this prompt when the models are ready.")] = None,
    limits: LimitsOption = None,
    flower: Annotated[bool, typer.Option("--flower", help="Start Flower too, which shows the workers' tasks.")] = False,
    flower_port: Annotated[int, typer.Option(help="Port of Flower, on this machine alone.", min=1, max=65535)] = 5555,
) -> None:
    """Start everything on this machine and keep it running until Ctrl-C."""
    if no_worker and (model or hello is not None):
        raise typer.BadParameter("--model and --hello need a worker", param_hint="--no-worker")
    from scripts.starting import EXPECTED, start

    models = () if no_worker else (model or None)
    try:
        env = with_limits(os.environ, limits)
        start(
            host=host,
            port=port,
            folder=find_data_dir(data_dir),
            models=models,
            hello=hello,
            env=env,
            flower_port=flower_port if flower else None,
        )
    except EXPECTED as error:
        raise fail(str(error)) from None

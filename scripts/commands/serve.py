"""`frontier serve`: the API alone, in the foreground."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Annotated

import typer

from jobs.environment import SettingError
from models.catalog import CONFIG_VARIABLE, config_file
from scripts import paths
from scripts.address import TOKEN_VARIABLE
from scripts.generation import DataDirOption
from scripts.limits_option import LimitsOption, with_limits
from scripts.screen import fail


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; else HOST, else 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; else PORT, else 8080.", min=1, max=65535)] = None,
    data_dir: DataDirOption = None,
    limits: LimitsOption = None,
) -> None:
    """Serve the API over the Redis at REDIS_URL; workers are started elsewhere."""
    from api.settings import ApiSettings
    from jobs.webhooks.sealing import VARIABLE as SECRET_KEY_VARIABLE
    from scripts import ports
    from scripts.programs import GUNICORN

    env = with_limits(os.environ, limits)
    env[CONFIG_VARIABLE] = str(config_file(env))
    env[paths.DATA_DIR_VARIABLE] = str(paths.data_dir(data_dir))
    if host is not None:
        env["HOST"] = host
    if port is not None:
        env["PORT"] = str(port)
    if not env.get(TOKEN_VARIABLE):
        folder = paths.data_dir(data_dir)
        token = paths.read_token(folder)
        if token is None:
            raise fail(
                f"there is no token: set {TOKEN_VARIABLE}, or run `frontier up` once, which makes one in {folder}"
            )
        env[TOKEN_VARIABLE] = token
    with suppress(PermissionError):  # where nobody may read it, no secret is sealed, and the API says so
        if not env.get(SECRET_KEY_VARIABLE) and (key := paths.read_secret_key(paths.data_dir(data_dir))):
            env[SECRET_KEY_VARIABLE] = key
    try:
        settings = ApiSettings.from_env(env)
    except SettingError as error:
        raise fail(str(error)) from None
    if complaint := ports.complaint(settings.host, settings.port):
        raise fail(complaint)
    os.chdir(paths.CHECKOUT)
    os.execve(sys.executable, [sys.executable, *GUNICORN], env)  # noqa: S606 - gunicorn takes our place

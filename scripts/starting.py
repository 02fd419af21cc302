"""Starts what `frontier up` was asked for, or says in one sentence why it cannot."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from rich.markup import escape

from api.batches.runner_settings import RunnerSettings
from api.settings import ApiSettings
from jobs.environment import SettingError
from jobs.errors import StoreUnavailable, UnsupportedServer
from jobs.settings import StoreSettings
from jobs.webhooks.sealing import VARIABLE as SECRET_KEY_VARIABLE
from models.catalog import Catalog, CatalogError, config_file
from scripts import flower_page, paths, ports, programs, redis_server
from scripts.address import TOKEN_VARIABLE
from scripts.address_table import address_table
from scripts.announcer import Announcer
from scripts.console_link import console_link
from scripts.folder_lock import FolderLock, FolderTaken
from scripts.log_teller import LogTeller
from scripts.metrics_ports import metrics_ports
from scripts.screen import print_result, stdout
from scripts.system import System
from tasks.sender_settings import SenderSettings
from tasks.settings import WorkerSettings


class Refused(Exception):
    """Raised when the system cannot be started as asked; the message says why and what to do."""


EXPECTED = (
    CatalogError,
    FolderTaken,
    OSError,
    Refused,
    SettingError,
    StoreUnavailable,
    UnsupportedServer,
    redis_server.ServerFailed,
    redis_server.ServerMissing,
)


def start(
    *,
    host: str,
    port: int,
    folder: Path,
    models: Sequence[str] | None,
    hello: str | None,
    env: Mapping[str, str],
    flower_port: int | None = None,
) -> None:
    """Run until a signal asks to stop. *models* None is every one that is configured. Raises one of EXPECTED."""
    config = config_file(env)
    chosen = _choose(Catalog.load(config), models)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        reason = f"The data folder {folder} cannot be made: {error.strerror}"
        raise Refused(f"{reason}; choose another with --data-dir.") from error
    with closing(FolderLock(folder)) as lock:
        if complaint := ports.complaint(host, port):
            raise Refused(complaint)
        given_redis = env.get("REDIS_URL")
        redis_port = 0 if given_redis else redis_server.remembered_port(folder)
        planned = programs.Deployment(
            host=host,
            port=port,
            data_dir=folder,
            config=config,
            models=chosen,
            token=env.get(TOKEN_VARIABLE) or paths.make_token(folder),
            secret_key=env.get(SECRET_KEY_VARIABLE) or paths.make_secret_key(folder),
            redis_url=given_redis or redis_server.url(redis_port),
            namespace=f"-{socket.gethostname()}-{port}" if given_redis else "",
            grace_seconds=programs.grace_seconds(env),
            environment=env,
            flower=None if flower_port is None else _flower(flower_port, folder, env),
        )
        deployment = replace(planned, metrics_ports=metrics_ports(programs.API, planned.names, env))
        _check_settings(deployment)
        server = None if given_redis else programs.server(port=redis_port, data_dir=folder, environment=env)
        _run(System(deployment, server, lock, say=_say_with_time), hello)


def _flower(port: int, folder: Path, env: Mapping[str, str]) -> flower_page.FlowerPage:
    if not flower_page.is_installed():
        raise Refused(flower_page.MISSING)
    address = env.get(flower_page.ADDRESS) or flower_page.LOOPBACK
    if complaint := ports.complaint(address, port, option="--flower-port"):
        raise Refused(complaint)
    return flower_page.FlowerPage(port=port, password=paths.make_flower_password(folder), address=address)


def _choose(catalog: Catalog, wanted: Sequence[str] | None) -> Sequence[str]:
    chosen: dict[str, None] = {}
    for name in catalog.models if wanted is None else wanted:
        config = catalog.resolve(name)
        if config is None:
            raise Refused(f"There is no model {name!r} in the configuration; there is {', '.join(catalog.models)}.")
        chosen[config.name] = None
    return tuple(chosen)


def _check_settings(deployment: programs.Deployment) -> None:
    """A program that is told something wrong would only die again and again. Raises SettingError."""
    ApiSettings.from_env(deployment.api().environment)
    StoreSettings.from_env(deployment.environment)
    for worker in deployment.workers():
        WorkerSettings.from_env(worker.environment)
    SenderSettings.from_env(deployment.sender().environment)
    RunnerSettings.from_env(deployment.runner().environment)


def _run(system: System, hello: str | None) -> None:
    deployment = system.deployment
    announcer = Announcer(deployment, hello=hello, say=_say, console_link=lambda: console_link(deployment))

    def welcome() -> None:
        origin = TOKEN_VARIABLE if deployment.environment.get(TOKEN_VARIABLE) else None
        print_result(address_table(deployment, token_origin=origin, started_redis=system.server is not None))
        announcer.start()
        if stdout().is_terminal:
            LogTeller(deployment.data_dir / "logs", say=lambda line: stdout().print(line, soft_wrap=True)).start()

    system.run(on_start=welcome)


def _say(message: str) -> None:
    stdout().print(escape(message), soft_wrap=True)


def _say_with_time(message: str) -> None:
    stdout().print(f"[dim]{datetime.now().astimezone():%H:%M:%S}[/dim] {escape(message)}", soft_wrap=True)

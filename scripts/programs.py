"""The programs that are Frontier on one machine: the server, the API, a worker per model, the sender, the runner."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from api.files.settings import URL as FILES_URL_VARIABLE
from jobs.environment import Environment
from jobs.probe_settings import FILE as PROBE_FILE_VARIABLE
from jobs.settings import StoreSettings
from jobs.webhooks.sealing import VARIABLE as SECRET_KEY_VARIABLE
from observability.metrics.settings import PORT as METRICS_PORT_VARIABLE
from observability.metrics.settings import MetricsSettings
from scripts import flower_page, redis_server
from scripts.flower_page import FlowerPage
from scripts.log_file import LogFile
from scripts.paths import DATA_DIR_VARIABLE, probe_file
from scripts.supervisor import Program, Stage

API = "api"
MARGIN_SECONDS = 10.0
SERVER_GRACE_SECONDS = 30.0
MEMORY_SHARE = 4
"""Our own server may use a quarter of the machine's memory; a client that runs away is refused before the rest goes."""
GUNICORN = ("-m", "gunicorn", "-c", "python:api.gunicorn_conf", "api.app:create_app()")
CELERY = ("-m", "celery", "-A", "tasks.worker", "--quiet", "worker", "--loglevel", "WARNING")
SENDER = ("-m", "celery", "-A", "tasks.webhooks", "--quiet", "worker", "--queues", "webhooks", "--loglevel", "WARNING")
RUNNER = (
    "-m",
    "celery",
    "-A",
    "api.batches.worker",
    "--quiet",
    "worker",
    "--queues",
    "batches",
    "--loglevel",
    "WARNING",
)
EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to ask, not where to listen


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """What `frontier up` was asked for. `namespace` sets our workers apart from others on a shared Redis.

    Without models nothing works, nothing sends and no batch is run. `secret_key` is for those alone that seal and open
    secrets. With `flower` the workers tell of what they do. `metrics_ports` are by the names of programs; those without
    one tell nothing there.
    """

    host: str
    port: int
    data_dir: Path
    config: Path
    models: Sequence[str]
    token: str
    redis_url: str
    namespace: str
    grace_seconds: float
    environment: Mapping[str, str]
    secret_key: str | None = field(default=None, repr=False)
    flower: FlowerPage | None = None
    metrics_ports: Mapping[str, int] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where this machine reaches the API."""
        host = EVERY_ADDRESS.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def metrics_urls(self) -> dict[str, str]:
        """Where this machine reads the metrics of each program that has a port for them."""
        host = MetricsSettings.from_env(self.environment).host
        host = EVERY_ADDRESS.get(host, host)
        shown = f"[{host}]" if ":" in host else host
        return {name: f"http://{shown}:{port}/metrics" for name, port in self.metrics_ports.items()}

    @property
    def names(self) -> list[str]:
        """Of all programs but the server and the API."""
        workers = [self.worker_name(model) for model in self.models]
        return [*workers, self.sender_name, self.runner_name] if workers else []

    def worker_name(self, model: str) -> str:
        return f"{model}{self.namespace}-1"

    @property
    def sender_name(self) -> str:
        return f"webhooks{self.namespace}"

    @property
    def runner_name(self) -> str:
        return f"batches{self.namespace}"

    def programs(self) -> Iterator[Program]:
        """All but the server, in the order of their start."""
        yield self.api()
        yield from self.workers()
        if self.models:
            yield self.sender()
            yield self.runner()
        if self.flower is not None:
            yield self._flower(self.flower)

    def api(self) -> Program:
        return self._program(API, Stage.API, GUNICORN, self._secret_key())

    def workers(self) -> Iterator[Program]:
        for model in self.models:
            name = self.worker_name(model)
            variables = {"FRONTIER_MODEL": model, **self._own(name)}
            yield self._program(name, Stage.WORKER, [*CELERY, "--hostname", f"{name}@%h"], variables)

    def sender(self) -> Program:
        name = self.sender_name
        variables = {**self._own(name), **self._secret_key()}
        return self._program(name, Stage.WORKER, [*SENDER, "--hostname", f"{name}@%h"], variables)

    def runner(self) -> Program:
        name = self.runner_name
        command = [*RUNNER, "--hostname", f"{name}@%h"]
        return self._program(name, Stage.WORKER, command, self._own(name))

    def _flower(self, page: FlowerPage) -> Program:
        return Program(
            name="flower",
            stage=Stage.API,
            command=[sys.executable, *flower_page.COMMAND],
            environment=page.environment(self.environment, redis_url=self.redis_url),
            log=log_file(self.data_dir, "flower"),
            grace_seconds=MARGIN_SECONDS,
        )

    def _own(self, name: str) -> dict[str, str]:
        """By what a worker, a sender or a runner is known, and where it says how it is."""
        file = probe_file(self.data_dir, name)
        file.parent.mkdir(mode=0o700, exist_ok=True)
        return {"FRONTIER_WORKER_NAME": name, PROBE_FILE_VARIABLE: str(file)}

    def _secret_key(self) -> dict[str, str]:
        return {SECRET_KEY_VARIABLE: self.secret_key} if self.secret_key else {}

    def _usual(self) -> dict[str, str]:
        """What holds where the environment does not say otherwise."""
        return {
            "API_GRACEFUL_SECONDS": str(round(self.grace_seconds)),
            FILES_URL_VARIABLE: f"file://{self.data_dir}/files",
        }

    def _program(self, name: str, stage: Stage, arguments: Sequence[str], variables: Mapping[str, str]) -> Program:
        own = {SECRET_KEY_VARIABLE, METRICS_PORT_VARIABLE}
        theirs = {name: value for name, value in self.environment.items() if name not in own}
        metrics_port = self.metrics_ports.get(name)
        ours = {
            "HOST": self.host,
            "PORT": str(self.port),
            "REDIS_URL": self.redis_url,
            "TRUTHGPT_API_TOKEN": self.token,
            "TRUTHGPT_CONFIG": str(self.config),
            DATA_DIR_VARIABLE: str(self.data_dir),
            "PYTHONUNBUFFERED": "1",
            **({"CELERY_EVENTS": "true"} if self.flower else {}),
            **({METRICS_PORT_VARIABLE: str(metrics_port)} if metrics_port else {}),
            **variables,
        }
        return Program(
            name=name,
            stage=stage,
            command=[sys.executable, *arguments],
            environment={**self._usual(), **theirs, **ours},
            log=log_file(self.data_dir, name),
            grace_seconds=self.grace_seconds + MARGIN_SECONDS,
        )


def server(*, port: int, data_dir: Path, environment: Mapping[str, str]) -> Program:
    """Our own Redis server, with its files in the folder `redis`. Raises ServerMissing."""
    folder = data_dir / "redis"
    folder.mkdir(mode=0o700, exist_ok=True)
    return Program(
        name="redis",
        stage=Stage.SERVER,
        command=redis_server.command(
            redis_server.find_binary(),
            port=port,
            data_dir=folder,
            durability=StoreSettings.from_env(environment).durability,
            memory_bytes=psutil.virtual_memory().total // MEMORY_SHARE,
        ),
        environment=environment,
        log=log_file(data_dir, "redis"),
        grace_seconds=SERVER_GRACE_SECONDS,
    )


def log_file(data_dir: Path, name: str) -> LogFile:
    folder = data_dir / "logs"
    folder.mkdir(mode=0o700, exist_ok=True)
    return LogFile(folder / f"{name.replace('/', '_')}.log")


def grace_seconds(env: Mapping[str, str]) -> float:
    """SHUTDOWN_GRACE_S, as the workers read it. Raises SettingError."""
    reader = Environment(env)
    seconds = reader.seconds("SHUTDOWN_GRACE_S", 10.0)
    reader.check()
    return seconds

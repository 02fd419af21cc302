"""What every process of Celery does from its start to its end: logs, waits for Redis, and says why it cannot start."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from celery import signals

from jobs.environment import SettingError
from jobs.errors import StoreUnavailable, UnsupportedServer
from observability.log_settings import LogSettings
from observability.logs import configure_logging
from observability.metrics.port import PortTaken
from tasks.presence import NameTaken

log = logging.getLogger("frontier.worker")

EXIT_FAILURE = 1
EXIT_CONFIGURATION = 78
"""Exit code of a worker that cannot start until somebody changes something (EX_CONFIG of sysexits)."""

REDIS_PATIENCE_SECONDS = 60.0


class Work(Protocol):
    """What a process does, once it is put together."""

    def open(self) -> None:
        """Celery listens now."""

    def wind_down(self) -> None:
        """The process was told to end; returns at once."""

    def close(self) -> None:
        """Celery has ended, and with it every task."""


W = TypeVar("W", bound=Work)
S = TypeVar("S")


def settings_or_exit(from_env: Callable[[Mapping[str, str]], S], *, wrong: type[Exception] = SettingError) -> S:
    """The settings of this process; ends it with the mistakes in its environment, *wrong* ones among them."""
    try:
        return from_env(os.environ)
    except (SettingError, wrong) as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(EXIT_CONFIGURATION) from error


def follow_celery(make: Callable[[], W], *, hopeless: type[Exception] = NameTaken) -> Callable[[], W]:
    """Have *make* called when Celery starts its worker, and its Work open and end with it; what gives it then.

    What it raises ends the process: a *hopeless* error, a taken name or port, or an unsuitable server with
    EXIT_CONFIGURATION.
    """
    made: list[W] = []
    logs = settings_or_exit(LogSettings.from_env)

    @signals.setup_logging.connect(weak=False)
    @signals.worker_init.connect(weak=False)
    def set_up_log(**_: object) -> None:
        configure_logging(sys.stderr, logs)

    @signals.worker_init.connect(weak=False)
    def start(**_: object) -> None:
        try:
            made.append(make())
        except (hopeless, UnsupportedServer, NameTaken, PortTaken, StoreUnavailable) as error:
            log.critical("worker_cannot_start", extra={"reason": str(error)})
            raise SystemExit(EXIT_CONFIGURATION) from error
        except Exception as error:  # Celery would go on without it, and swallow messages
            log.critical("worker_cannot_start", exc_info=True, extra={"reason": repr(error)})
            raise SystemExit(EXIT_FAILURE) from error

    @signals.worker_ready.connect(weak=False)
    def open_work(**_: object) -> None:
        made[0].open()

    @signals.worker_shutting_down.connect(weak=False)
    def wind_down(**_: object) -> None:
        made[0].wind_down()

    @signals.worker_shutdown.connect(weak=False)
    def close(**_: object) -> None:
        made[0].close()

    return lambda: made[0]


def wait_for_redis(ping: Callable[[], object]) -> None:
    """A server that is just starting, or loading its file, gets a minute. Raises StoreUnavailable."""
    give_up_at = time.monotonic() + REDIS_PATIENCE_SECONDS
    while True:
        try:
            ping()
        except StoreUnavailable as error:
            if time.monotonic() > give_up_at:
                raise
            log.warning("waiting_for_redis", extra={"reason": str(error)})
            time.sleep(1)
        else:
            return

"""How gunicorn serves the API: `gunicorn -c python:api.gunicorn_conf 'api.app:create_app()'`.

One gevent process holds thousands of waiting requests. The application is made after the fork and
after gevent has patched the sockets, so no connection is ever shared between processes.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import gevent  # type: ignore[import-untyped]

from api.settings import ApiSettings
from api.unread_requests import QuotesNothing, answer_unread_requests
from jobs.settings import StoreSettings
from models.catalog import Catalog
from observability.log_settings import LogSettings
from observability.logs import configure_logging
from observability.metrics import shared_folder

# All of it is read here too, so that a wrong value stops the start before anything is forked.
_settings = ApiSettings.from_env(os.environ)
StoreSettings.from_env(os.environ)
Catalog.load(_settings.config)
configure_logging(sys.stderr, LogSettings.from_env(os.environ))
answer_unread_requests()


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


bind = [_address(_settings.host, _settings.port)]
if _settings.metrics.are_on and _settings.metrics.port is not None:
    bind.append(_address(_settings.metrics.host, _settings.metrics.port))
workers = _settings.workers
worker_class = "gevent"
worker_connections = 4096
preload_app = False
control_socket_disable = True
proc_name = "frontier-api"

# With gevent this is also how long a client may take to send its request line and headers.
keepalive = 10
limit_request_line = 4094
limit_request_fields = 50
limit_request_field_size = 8190
# A heartbeat of the whole process; how long a request may take is decided per request.
timeout = 60
graceful_timeout = _settings.graceful_seconds
forwarded_allow_ips = "127.0.0.1"
accesslog = None


RESOLVER_THREADS = 64
"""gevent resolves names in threads; ten would soon be taken by names of receivers whose servers do not answer."""


def on_starting(server: Any) -> None:
    """Gunicorn's own words go where all others go, as JSON, and without what strangers send."""
    server.log.error_log.addFilter(QuotesNothing())
    server.log.error_log.handlers.clear()
    server.log.error_log.propagate = True
    if _settings.metrics.are_on:
        # Before anything imports prometheus_client, and anew for each start: what another server counted is not ours.
        os.environ[shared_folder.VARIABLE] = str(shared_folder.make_folder())


def child_exit(_server: Any, worker: Any) -> None:
    """A process has ended, however it did."""
    if _settings.metrics.are_on:
        shared_folder.forget_gauges(Path(os.environ[shared_folder.VARIABLE]), worker.pid)


def on_exit(_server: Any) -> None:
    """The server has ended, and all its processes before it."""
    if _settings.metrics.are_on:
        shared_folder.remove_folder(Path(os.environ[shared_folder.VARIABLE]))


def post_worker_init(worker: Any) -> None:
    """After the fork, the patch and the making of the application: begin what runs beside it."""
    gevent.get_hub().threadpool.maxsize = RESOLVER_THREADS
    worker.wsgi.start()
    threading.Thread(target=_drain_at_the_end, args=(worker,), name="drain", daemon=True).start()


def _drain_at_the_end(worker: Any) -> None:
    """Gunicorn has no hook for the moment when a worker is asked to end."""
    while worker.alive:
        time.sleep(0.2)
    worker.wsgi.drain()


def worker_exit(_server: Any, worker: Any) -> None:
    """End it with the process."""
    if hasattr(worker, "wsgi"):
        worker.wsgi.stop()

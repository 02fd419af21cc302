"""A port where a process without HTTP of its own tells its metrics."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import start_http_server

from observability.metrics.instruments import Instruments
from observability.metrics.settings import PORT


class PortTaken(Exception):
    """Raised at start when the port cannot be listened on; the message names its variable."""


def open_port(instruments: Instruments, host: str, port: int) -> Callable[[], None]:
    """Tell what the instruments measure to whoever asks there, in a thread; what closes it. Raises PortTaken."""
    try:
        server, thread = start_http_server(port, host, instruments.registry)
    except OSError as error:
        reason = f"{PORT}: port {port} of {host} cannot be listened on: {error.strerror or error}"
        raise PortTaken(f"{reason}; each process needs one of its own.") from error

    def close() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return close
